// A client's side of messages: encodes requests and decodes answers. Bytes that are not a KMIP answer cause a plain TtlvError,
// since a client does not answer with Faults.

import { TtlvError } from '../ttlv/error.ts'
import { credential } from './credential.ts'
import type { WireCredential } from './credential.ts'
import { dialectFor, protocolVersionOf, statedVersion } from './dialect.ts'
import type { Dialect } from './dialect.ts'
import { codeOf } from './enums.ts'
import { extensionFromWire, extensionToWire } from './message.ts'
import type { RequestItem, RequestMessage, ResponseItem, ResponseMessage } from './message.ts'
import * as schemas from './message-schema.ts'
import type { OperationName } from './operations.ts'
import { decodeItem, encodeItem } from './payload.ts'
import { atLeast } from './version.ts'
import type { Version } from './version.ts'

/** Like RequestMessage. Omitted fields get the server's defaults. */
export interface OutgoingRequest extends Partial<
  Omit<RequestMessage, 'version' | 'unknownFields' | 'items'>
> {
  readonly version: Version
  readonly items: readonly OutgoingItem[]
}

export interface OutgoingItem extends Partial<
  Pick<RequestItem, 'uniqueBatchItemId' | 'extensions' | 'ephemeral'>
> {
  readonly operation: OperationName
  /** The whole Request Payload item, from encodeRequestPayload. */
  readonly payload: Uint8Array
}

export function encodeRequest(request: OutgoingRequest): Buffer {
  const { version, items } = request
  const message = {
    RequestHeader: {
      ProtocolVersion: protocolVersionOf(version),
      MaximumResponseSize: request.maximumResponseSize,
      ClientCorrelationValue: request.clientCorrelationValue,
      ServerCorrelationValue: request.serverCorrelationValue,
      AsynchronousIndicator: asynchronousIndicator(request),
      AttestationCapableIndicator: request.attestationCapable,
      AttestationType: request.attestationTypes,
      Authentication: authentication(request.credentials ?? [], version),
      BatchErrorContinuationOption: request.batchErrorContinuationOption,
      BatchOrderOption: request.batchOrderOption,
      TimeStamp: request.timeStamp,
      BatchCount: items.length,
    },
    BatchItem: items.map((item) => ({
      Operation: codeOf('Operation', item.operation),
      Ephemeral: item.ephemeral,
      UniqueBatchItemID: item.uniqueBatchItemId,
      RequestPayload: item.payload,
      MessageExtension: item.extensions?.map(extensionToWire) ?? [],
    })),
  }
  return encodeItem('RequestMessage', schemas.requestMessage, message, version)
}

export interface IncomingResponse extends ResponseMessage, Dialect {
  /** The Batch Count of the header, which 3.0 lacks. The caller compares it with the number of items. */
  readonly batchCount: number
}

/** Throws TtlvError. decodeResponsePayload decodes the payloads, in the returned dialect. */
export function decodeResponse(bytes: Uint8Array): IncomingResponse {
  const stated = statedVersion(bytes, 'ResponseMessage', 'ResponseHeader')
  const dialect = stated && dialectFor(stated)
  if (dialect === undefined)
    throw new TtlvError('malformed', 'this is not a KMIP answer', { path: '', offset: 0 })
  const { ResponseHeader: header, BatchItem } = decodeItem(
    'ResponseMessage',
    schemas.responseMessage,
    bytes,
    dialect,
  )
  return {
    ...dialect,
    timeStamp: header.TimeStamp,
    nonce: header.Nonce,
    attestationTypes: header.AttestationType,
    clientCorrelationValue: header.ClientCorrelationValue,
    serverCorrelationValue: header.ServerCorrelationValue,
    batchCount: header.BatchCount ?? BatchItem.length,
    items: BatchItem.map((item): ResponseItem => ({
      operationCode: item.Operation,
      uniqueBatchItemId: item.UniqueBatchItemID,
      status: item.ResultStatus,
      reason: item.ResultReason,
      message: item.ResultMessage,
      asynchronousCorrelationValue: item.AsynchronousCorrelationValue,
      payload: item.ResponsePayload,
      extensions: item.MessageExtension.map(extensionFromWire),
    })),
  }
}

/** 1.x only states whether the client accepts an asynchronous answer. */
function asynchronousIndicator({ version, asynchronousIndicator: indicator }: OutgoingRequest) {
  if (indicator === undefined || atLeast(version, '2.0')) return indicator
  return indicator !== 'Prohibited'
}

function authentication(credentials: readonly WireCredential[], version: Version) {
  if (credentials.length === 0) return undefined
  return { Credential: credentials.map((one) => encodeItem('Credential', credential, one, version)) }
}
