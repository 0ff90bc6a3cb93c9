// A refusal that was expected: an answer with a result reason, safe to send. Reasons are named as in the newest
// version; `reasonIn` says what an older one calls the same thing. Anything thrown that is no Fault is a bug or
// an outage and tells the client nothing.

import { TtlvError } from '../ttlv/error.ts'
import type { TtlvErrorCode } from '../ttlv/error.ts'
import { enums } from './enums.ts'
import type { EnumName, EnumTable } from './enums.ts'
import { isDefined } from './tags.ts'
import { atLeast } from './version.ts'
import type { Version } from './version.ts'

export type ResultReasonName = EnumName<'ResultReason'>

export class Fault extends Error {
  override readonly name: string = 'Fault'
  readonly reason: ResultReasonName

  /** `message` is sent to the client: no secrets, no internals. */
  constructor(reason: ResultReasonName, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/** What a version says for a reason: itself where it may, else the nearest that this version has. */
export function reasonIn(version: Version, reason: ResultReasonName): ResultReasonName {
  const reasons: EnumTable = enums.ResultReason
  let said: ResultReasonName = reason
  while (said !== 'GeneralFailure') {
    const fact = reasons[said]
    const from = saidSince[said]
    if (fact !== undefined && isDefined(fact, version) && (from === undefined || atLeast(version, from))) {
      return said
    }
    said = nearest[said] ?? 'GeneralFailure'
  }
  return said
}

/** What bytes that do not follow their schema are answered with (KMIP 1.4 §11.1). */
export function faultOf(error: TtlvError): Fault {
  return new Fault(reasonOf[error.code], error.message, { cause: error })
}

const reasonOf: Readonly<Record<TtlvErrorCode, ResultReasonName>> = {
  malformed: 'InvalidMessage',
  'too-large': 'InvalidMessage',
  'too-deep': 'InvalidMessage',
  'too-many': 'InvalidMessage',
  'wrong-tag': 'InvalidMessage',
  'wrong-type': 'InvalidMessage',
  'unknown-value': 'InvalidField',
  'unknown-field': 'InvalidField',
  'repeated-field': 'InvalidMessage',
  'missing-field': 'InvalidMessage',
}

/** Defined in 2.0, but that version's published cases still expect the older reason. */
const saidSince: Readonly<Partial<Record<ResultReasonName, Version>>> = {
  AttributeReadOnly: '2.1',
  NonUniqueNameAttribute: '2.1',
  ObjectDestroyed: '2.1',
  ObjectNotFound: '2.1',
  WrongKeyLifecycleState: '2.1',
}

/**
 * Where a version lacks the reason on the left, the one on the right is asked next. What is not here becomes
 * General Failure.
 */
const nearest: Readonly<Partial<Record<ResultReasonName, ResultReasonName>>> = {
  // KMIP 1.4 §11: what 1.x answers in the same case
  AttributeInstanceNotFound: 'ItemNotFound',
  AttributeNotFound: 'ItemNotFound',
  AttributeReadOnly: 'PermissionDenied',
  AttributeSingleValued: 'IllegalOperation',
  BadCryptographicParameters: 'InvalidField',
  BadPassword: 'PermissionDenied',
  CodecError: 'InvalidMessage',
  ConstraintViolation: 'PermissionDenied',
  DuplicateProcessRequest: 'InvalidMessage',
  EncodingOptionError: 'FeatureNotSupported',
  IllegalObjectType: 'InvalidField',
  IncompatibleCryptographicUsageMask: 'PermissionDenied',
  InternalServerError: 'GeneralFailure',
  InvalidAsynchronousCorrelationValue: 'ItemNotFound',
  InvalidAttribute: 'InvalidField',
  InvalidAttributeValue: 'InvalidField',
  InvalidCSR: 'InvalidField',
  InvalidCorrelationValue: 'ItemNotFound',
  InvalidDataType: 'InvalidField',
  InvalidObjectType: 'InvalidField',
  InvalidTicket: 'AuthenticationNotSuccessful',
  KeyValueNotPresent: 'PermissionDenied',
  KeyWrapTypeNotSupported: 'FeatureNotSupported',
  MissingInitializationVector: 'InvalidMessage',
  MultiValuedAttribute: 'InvalidField',
  NonUniqueNameAttribute: 'InvalidField',
  NotAuthorised: 'PermissionDenied',
  NotExtractable: 'PermissionDenied',
  NumericRange: 'InvalidField',
  ObjectAlreadyExists: 'IllegalOperation',
  ObjectDestroyed: 'ItemNotFound',
  ObjectNotFound: 'ItemNotFound',
  ReadOnlyAttribute: 'PermissionDenied',
  Sensitive: 'PermissionDenied',
  ServerLimitExceeded: 'IndexOutOfBounds',
  UnknownEnumeration: 'InvalidField',
  UnknownMessageExtension: 'FeatureNotSupported',
  UnknownObjectGroup: 'ItemNotFound',
  UnknownTag: 'InvalidField',
  UnsupportedAttribute: 'InvalidField',
  UnsupportedCryptographicParameters: 'InvalidField',
  UnsupportedProtocolVersion: 'InvalidMessage',
  UsageLimitExceeded: 'PermissionDenied',
  WrappingObjectArchived: 'ObjectArchived',
  WrappingObjectDestroyed: 'ItemNotFound',
  WrappingObjectNotFound: 'ItemNotFound',
  WrongKeyLifecycleState: 'PermissionDenied',
  AttestationFailed: 'AuthenticationNotSuccessful',
  AttestationRequired: 'PermissionDenied',
  // Gone with 2.0
  IllegalOperation: 'PermissionDenied',
  IndexOutOfBounds: 'InvalidField',
}
