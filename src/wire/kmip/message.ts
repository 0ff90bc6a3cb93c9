// Messages (KMIP 1.4 §7, 2.1 §8): a header and batch items. Payloads stay bytes here; payload.ts decodes them one by
// one. An error outside the batch items fails the message (RequestError). An error inside an item fails only that item,
// so each item may carry a fault of its own.

import { batchItemsMax } from '../../base/bounds.ts'
import { TtlvError } from '../ttlv/error.ts'
import type { Infer } from '../ttlv/schema.ts'
import { credential } from './credential.ts'
import type { WireCredential, nonce } from './credential.ts'
import { dialectFor, protocolVersionOf, statedVersion } from './dialect.ts'
import type { Dialect } from './dialect.ts'
import { nameOf } from './enums.ts'
import type { EnumName } from './enums.ts'
import { Fault, faultOf } from './fault.ts'
import { reasonIn } from './result-reasons.ts'
import type { ResultReasonName } from './fault.ts'
import * as schemas from './message-schema.ts'
import type { OperationName } from './operations.ts'
import { decodeItem, encodeItem } from './payload.ts'
import { atLeast, isDraft, type Version } from './version.ts'

export interface RequestMessage extends Dialect {
  /** In bytes. An item with a larger answer fails with Response Too Large. */
  readonly maximumResponseSize: number | undefined
  readonly clientCorrelationValue: string | undefined
  readonly serverCorrelationValue: string | undefined
  readonly asynchronousIndicator: EnumName<'AsynchronousIndicator'>
  readonly attestationCapable: boolean
  readonly attestationTypes: readonly EnumName<'AttestationType'>[]
  /** The credentials that could be decoded. An undecodable one proves nothing, so it is omitted. */
  readonly credentials: readonly WireCredential[]
  readonly batchErrorContinuationOption: EnumName<'BatchErrorContinuationOption'>
  readonly batchOrderOption: boolean
  /** Seconds since 1970. */
  readonly timeStamp: bigint | undefined
  readonly items: readonly RequestItem[]
}

export interface RequestItem {
  /** Null if this version has no such operation. */
  readonly operation: OperationName | null
  /** As sent, since the answer repeats it. Undefined if the item could not be decoded that far. */
  readonly operationCode: number | undefined
  readonly uniqueBatchItemId: Uint8Array | undefined
  /** The whole Request Payload item, well formed. Empty if there is a `fault`. */
  readonly payload: Uint8Array
  readonly extensions: readonly MessageExtension[]
  readonly ephemeral: boolean | EnumName<'Ephemeral'>
  /** Why the item cannot be processed. */
  readonly fault: Fault | undefined
}

/** KMIP 1.4 §6.16: an unknown critical extension makes the whole message Feature Not Supported. */
export interface MessageExtension {
  readonly vendorIdentification: string
  readonly critical: boolean
  /** The whole Vendor Extension item. */
  readonly extension: Uint8Array
}

export interface ResponseMessage {
  readonly version: Version
  /** Seconds since 1970. */
  readonly timeStamp: bigint
  readonly nonce?: Infer<typeof nonce> | undefined
  readonly attestationTypes?: readonly EnumName<'AttestationType'>[] | undefined
  readonly clientCorrelationValue?: string | undefined
  readonly serverCorrelationValue?: string | undefined
  readonly items: readonly ResponseItem[]
}

export interface ResponseItem {
  /** The request item's operation. Omitted if the request had none that could be decoded. */
  readonly operationCode?: number | undefined
  readonly uniqueBatchItemId?: Uint8Array | undefined
  readonly status: EnumName<'ResultStatus'>
  /** The reason as the newest version names it. The encoder translates it for the message's version. */
  readonly reason?: ResultReasonName | undefined
  readonly message?: string | undefined
  readonly asynchronousCorrelationValue?: Uint8Array | undefined
  /** The whole Response Payload item. */
  readonly payload?: Uint8Array | undefined
  readonly extensions?: readonly MessageExtension[] | undefined
}

/** The message as a whole cannot be processed. `refusal` builds the answer. */
export class RequestError extends Fault {
  override readonly name = 'RequestError'
  /** The version of the answer. */
  readonly version: Version
  /** Whether the header could be decoded. If not, the sender may not be a KMIP client at all. */
  readonly headerRead: boolean
  readonly clientCorrelationValue: string | undefined
  /** The version that the message states, if this server does not know it. */
  readonly unknownVersion: string | undefined

  constructor(
    fault: Fault,
    known: {
      readonly version: Version
      readonly headerRead: boolean
      readonly clientCorrelationValue?: string | undefined
      readonly unknownVersion?: string | undefined
    },
  ) {
    super(fault.reason, fault.message, { cause: fault })
    this.version = known.version
    this.headerRead = known.headerRead
    this.clientCorrelationValue = known.clientCorrelationValue
    this.unknownVersion = known.unknownVersion
  }
}

// ---------------------------------------------------------------- Requests

/**
 * Throws only RequestError, if the message as a whole cannot be processed. A draft that is not in `spoken` counts as an unknown
 * version.
 */
export function decodeRequest(bytes: Uint8Array, spoken: readonly Version[] = []): RequestMessage {
  const dialect = dialectOf(bytes, spoken)
  const { header, items } = decodeParts(bytes, dialect)
  const clientCorrelationValue = header.ClientCorrelationValue
  const refuse = (what: string) =>
    new RequestError(new Fault('InvalidMessage', what), {
      version: dialect.version,
      headerRead: true,
      clientCorrelationValue,
    })
  if (items.length > batchItemsMax) throw refuse(`more than ${batchItemsMax} batch items`)
  if (header.BatchCount !== undefined && header.BatchCount !== items.length) {
    throw refuse(
      `Batch Count is ${header.BatchCount}, but there ${items.length === 1 ? 'is 1 batch item' : `are ${items.length} batch items`}`,
    )
  }
  return {
    ...dialect,
    maximumResponseSize: header.MaximumResponseSize,
    clientCorrelationValue,
    serverCorrelationValue: header.ServerCorrelationValue,
    asynchronousIndicator: asynchronousIndicator(header.AsynchronousIndicator),
    attestationCapable: header.AttestationCapableIndicator ?? false,
    attestationTypes: header.AttestationType ?? [],
    credentials: credentials(header.Authentication?.Credential ?? [], dialect),
    batchErrorContinuationOption: header.BatchErrorContinuationOption ?? 'Stop',
    // KMIP 1.4 §6.12 and 2.1 §9.8 have different defaults.
    batchOrderOption: header.BatchOrderOption ?? atLeast(dialect.version, '2.0'),
    timeStamp: header.TimeStamp,
    items,
  }
}

function dialectOf(bytes: Uint8Array, spoken: readonly Version[]): Dialect {
  const stated = statedVersion(bytes, 'RequestMessage', 'RequestHeader')
  const dialect = stated && dialectFor(stated)
  if (dialect !== undefined && (!isDraft(dialect.version) || spoken.includes(dialect.version))) return dialect
  if (stated === undefined) {
    const fault = new Fault('InvalidMessage', 'this is not a KMIP request')
    throw new RequestError(fault, { version: '1.0', headerRead: false })
  }
  const unknownVersion = `${stated.major}.${stated.minor}`
  const fault = new Fault('InvalidMessage', `KMIP ${unknownVersion} is not supported`)
  const version = stated.major <= 1 ? '1.0' : '2.1'
  throw new RequestError(fault, { version, headerRead: false, unknownVersion })
}

interface Parts {
  readonly header: Infer<typeof schemas.requestHeader>
  readonly items: readonly RequestItem[]
}

/** Decodes in one pass if the message is valid. Otherwise decodes item by item, so that a broken item fails alone. */
function decodeParts(bytes: Uint8Array, dialect: Dialect): Parts {
  try {
    const whole = decodeItem('RequestMessage', schemas.requestMessage, bytes, dialect)
    return { header: whole.RequestHeader, items: whole.BatchItem.map((item) => requestItem(item, dialect)) }
  } catch (error) {
    if (!(error instanceof TtlvError)) throw error
  }
  try {
    const split = decodeItem('RequestMessage', schemas.splitRequestMessage, bytes, dialect)
    // Decoding broken items is slow. One item above the limit is enough to refuse the message.
    const items = split.BatchItem.slice(0, batchItemsMax + 1)
    return { header: split.RequestHeader, items: items.map((item) => brokenOrNot(item, dialect)) }
  } catch (error) {
    if (!(error instanceof TtlvError)) throw error
    throw new RequestError(faultOf(error), { version: dialect.version, headerRead: false })
  }
}

function brokenOrNot(bytes: Uint8Array, dialect: Dialect): RequestItem {
  try {
    return requestItem(decodeItem('BatchItem', schemas.requestItem, bytes, dialect), dialect)
  } catch (error) {
    if (!(error instanceof TtlvError)) throw error
    const { Operation, UniqueBatchItemID } = echoOf(bytes, dialect)
    return {
      operation: operationOf(Operation, dialect.version),
      operationCode: Operation,
      uniqueBatchItemId: UniqueBatchItemID,
      payload: empty,
      extensions: [],
      ephemeral: false,
      fault: faultOf(error),
    }
  }
}

function echoOf(bytes: Uint8Array, dialect: Dialect): Partial<Infer<typeof schemas.itemToEcho>> {
  try {
    return decodeItem('BatchItem', schemas.itemToEcho, bytes, { ...dialect, unknownFields: 'ignore' })
  } catch (error) {
    if (!(error instanceof TtlvError)) throw error
    return {}
  }
}

function requestItem(item: Infer<typeof schemas.requestItem>, dialect: Dialect): RequestItem {
  return {
    operation: operationOf(item.Operation, dialect.version),
    operationCode: item.Operation,
    uniqueBatchItemId: item.UniqueBatchItemID,
    payload: item.RequestPayload,
    extensions: item.MessageExtension.map(extensionFromWire),
    ephemeral: item.Ephemeral ?? false,
    fault: undefined,
  }
}

function operationOf(code: number | undefined, version: Version): OperationName | null {
  return code === undefined ? null : (nameOf('Operation', code, version) ?? null)
}

/**
 * 1.x states whether the client accepts an asynchronous answer. 2.x also states whether the client insists on one (KMIP 1.4 §6.7,
 * 2.1 §9.2).
 */
function asynchronousIndicator(
  value: Infer<typeof schemas.requestHeader>['AsynchronousIndicator'],
): EnumName<'AsynchronousIndicator'> {
  if (typeof value === 'string') return value
  return value === true ? 'Optional' : 'Prohibited'
}

function credentials(items: readonly Uint8Array[], dialect: Dialect): WireCredential[] {
  const read: WireCredential[] = []
  for (const item of items) {
    try {
      read.push(decodeItem('Credential', credential, item, dialect))
    } catch (error) {
      if (!(error instanceof TtlvError)) throw error
    }
  }
  return read
}

const empty = new Uint8Array(0)

// ---------------------------------------------------------------- Responses

/** Encodes a response in the request's version. Omits the fields that this version lacks. */
export function encodeResponse(response: ResponseMessage): Buffer {
  const { version } = response
  const message = {
    ResponseHeader: headerOf(response),
    BatchItem: response.items.map((item) => itemOf(item, version)),
  }
  return encodeItem('ResponseMessage', schemas.responseMessage, message, version)
}

/** The answer to a message that cannot be processed: one item without Operation (KMIP 1.4 §11.1). */
export function refusal(error: RequestError, timeStamp: bigint): ResponseMessage {
  const { version, clientCorrelationValue, reason, message } = error
  return {
    version,
    timeStamp,
    clientCorrelationValue,
    items: [{ status: 'OperationFailed', reason, message }],
  }
}

/** The number of bytes that the item adds to the response, for Maximum Response Size. */
export function responseItemBytes(item: ResponseItem, version: Version): number {
  return encodeItem('BatchItem', schemas.responseItem, itemOf(item, version), version).length
}

/** The number of bytes of the response without its items. */
export function responseHeaderBytes(response: ResponseMessage): number {
  const messageHeaderBytes = 8
  const header = encodeItem('ResponseHeader', schemas.responseHeader, headerOf(response), response.version)
  return messageHeaderBytes + header.length
}

function headerOf(response: ResponseMessage): Infer<typeof schemas.responseHeader> {
  return {
    ProtocolVersion: protocolVersionOf(response.version),
    TimeStamp: response.timeStamp,
    Nonce: response.nonce,
    AttestationType: response.attestationTypes,
    ClientCorrelationValue: response.clientCorrelationValue,
    ServerCorrelationValue: response.serverCorrelationValue,
    BatchCount: response.items.length,
  }
}

function itemOf(item: ResponseItem, version: Version): Infer<typeof schemas.responseItem> {
  return {
    Operation: item.operationCode,
    UniqueBatchItemID: item.uniqueBatchItemId,
    ResultStatus: item.status,
    ResultReason: item.reason && reasonIn(version, item.reason),
    ResultMessage: item.message,
    AsynchronousCorrelationValue: item.asynchronousCorrelationValue,
    ResponsePayload: item.payload,
    MessageExtension: item.extensions?.map(extensionToWire) ?? [],
  }
}

// ---------------------------------------------------------------- Message extensions

type WireExtension = Infer<typeof schemas.messageExtension>

export function extensionFromWire(extension: WireExtension): MessageExtension {
  return {
    vendorIdentification: extension.VendorIdentification,
    critical: extension.CriticalityIndicator,
    extension: extension.VendorExtension,
  }
}

export function extensionToWire(extension: MessageExtension): WireExtension {
  return {
    VendorIdentification: extension.vendorIdentification,
    CriticalityIndicator: extension.critical,
    VendorExtension: extension.extension,
  }
}
