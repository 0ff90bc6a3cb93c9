// Headers and batch items on the wire, fields in the order of the specification (KMIP 1.4 §7.2, 2.1 §8). message.ts
// interprets the values and the defaults.

import {
  boolean,
  bytes,
  dateTime,
  enumerationCode,
  integer,
  oneOrMore,
  optional,
  raw,
  repeated,
  text,
  unread,
} from '../ttlv/schema.ts'
import { nonce } from './credential.ts'
import type { EnumName } from './enums.ts'
import { protocolVersion } from './operation-structures.ts'
import { changedIn3, dependent, enumeration, since, struct, until } from './schema.ts'
import { atLeast } from './version.ts'

// KMIP 1.4 §6.16
export const messageExtension = struct({
  VendorIdentification: text,
  CriticalityIndicator: boolean,
  VendorExtension: raw,
})

// KMIP 1.4 §6.7, 2.1 §9.2
const asynchronousIndicator2 = enumeration('AsynchronousIndicator')
const asynchronousIndicator = dependent<boolean | EnumName<'AsynchronousIndicator'>>((_, version) =>
  atLeast(version, '2.0') ? asynchronousIndicator2 : boolean,
)

export const requestHeader = struct({
  ProtocolVersion: protocolVersion,
  MaximumResponseSize: optional(integer),
  ClientCorrelationValue: since('1.4', optional(text)),
  ServerCorrelationValue: since('1.4', optional(text)),
  AsynchronousIndicator: optional(asynchronousIndicator),
  AttestationCapableIndicator: since('1.2', optional(boolean)),
  AttestationType: since('1.2', repeated(enumeration('AttestationType'))),
  /** Credentials are decoded one by one, so that one of an unknown kind does not fail the message. */
  Authentication: optional(struct({ Credential: oneOrMore(raw) })),
  BatchErrorContinuationOption: optional(enumeration('BatchErrorContinuationOption')),
  BatchOrderOption: until('2.1', optional(boolean)),
  TimeStamp: optional(dateTime),
  BatchCount: until('2.1', integer),
})

/** The operation is a number, so that the answer can repeat one that this version lacks. */
export const requestItem = struct({
  Operation: enumerationCode,
  Ephemeral: since('2.0', optional(changedIn3(boolean, enumeration('Ephemeral')))),
  UniqueBatchItemID: until('2.1', optional(bytes)),
  RequestPayload: raw,
  MessageExtension: repeated(messageExtension),
})

/** The fields that the answer to a broken item repeats. The item may be broken anywhere after them. */
export const itemToEcho = struct({
  Operation: optional(enumerationCode),
  UniqueBatchItemID: until('2.1', optional(bytes)),
  RequestPayload: optional(unread),
})

export const requestMessage = struct({ RequestHeader: requestHeader, BatchItem: oneOrMore(requestItem) })
/** A request whose items stay undecoded, for messages with a broken item. */
export const splitRequestMessage = struct({ RequestHeader: requestHeader, BatchItem: oneOrMore(unread) })

export const responseHeader = struct({
  ProtocolVersion: protocolVersion,
  TimeStamp: dateTime,
  Nonce: since('1.2', optional(nonce)),
  ServerHashedPassword: since('2.0', optional(bytes)),
  AttestationType: since('1.2', repeated(enumeration('AttestationType'))),
  ClientCorrelationValue: since('1.4', optional(text)),
  ServerCorrelationValue: since('1.4', optional(text)),
  BatchCount: until('2.1', integer),
})

export const responseItem = struct({
  Operation: optional(enumerationCode),
  UniqueBatchItemID: until('2.1', optional(bytes)),
  ResultStatus: enumeration('ResultStatus'),
  ResultReason: optional(enumeration('ResultReason')),
  ResultMessage: optional(text),
  AsynchronousCorrelationValue: optional(bytes),
  ResponsePayload: optional(raw),
  MessageExtension: repeated(messageExtension),
})

export const responseMessage = struct({ ResponseHeader: responseHeader, BatchItem: oneOrMore(responseItem) })
