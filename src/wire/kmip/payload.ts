// Decodes and encodes the payloads of single operations, separately from the message, so that a broken payload fails only its own
// batch item.

import { structureDepthMax } from '../../base/bounds.ts'
import { decode } from '../ttlv/decode.ts'
import { encode } from '../ttlv/encode.ts'
import { TtlvError } from '../ttlv/error.ts'
import type { ItemSchema } from '../ttlv/schema.ts'
import type { Dialect } from './dialect.ts'
import { faultOf } from './fault.ts'
import { operations } from './operations.ts'
import type { OperationName, Request, Response } from './operations.ts'
import { typeMax } from './schema.ts'
import { tagCode } from './tags.ts'
import type { TagName } from './tags.ts'
import { newestOfMajor, ordinal } from './version.ts'
import type { Version } from './version.ts'

/** Throws Fault InvalidField or InvalidMessage. */
export function decodeRequestPayload<N extends OperationName>(
  operation: N,
  payload: Uint8Array,
  dialect: Dialect,
): Request<N> {
  try {
    return decodeItem(
      'RequestPayload',
      operations[operation].request as ItemSchema<Request<N>>,
      payload,
      dialect,
      structureDepthMax - structuresAbovePayload,
    )
  } catch (error) {
    throw error instanceof TtlvError ? faultOf(error) : error
  }
}

/** Omits the fields that the version lacks. TypeError for a value that does not fit the operation. */
export function encodeResponsePayload<N extends OperationName>(
  operation: N,
  response: Response<N>,
  version: Version,
): Buffer {
  const schema = operations[operation].response as ItemSchema<Response<N>>
  return encodeItem('ResponsePayload', schema, response, version)
}

/** Clients call it. */
export function encodeRequestPayload<N extends OperationName>(
  operation: N,
  request: Request<N>,
  version: Version,
): Buffer {
  const schema = operations[operation].request as ItemSchema<Request<N>>
  return encodeItem('RequestPayload', schema, request, version)
}

/** Clients call it. Throws TtlvError. */
export function decodeResponsePayload<N extends OperationName>(
  operation: N,
  payload: Uint8Array,
  dialect: Dialect,
): Response<N> {
  const schema = operations[operation].response as ItemSchema<Response<N>>
  return decodeItem('ResponsePayload', schema, payload, dialect)
}

/**
 * The message and the batch item. An answer repeats a payload below these two, so a payload may be nested two levels less than a
 * message.
 */
const structuresAbovePayload = 2

/** Decodes one item with this tag. Accepts fields of newer minor versions, since clients send them. Throws TtlvError. */
export function decodeItem<T>(
  tag: TagName,
  schema: ItemSchema<T>,
  bytes: Uint8Array,
  dialect: Dialect,
  depthMax: number = structureDepthMax,
): T {
  return decode(schema, bytes, {
    tag: tagCode(tag),
    depthMax,
    version: ordinal(dialect.version),
    newest: ordinal(newestOfMajor(dialect.version)),
    typeMax: typeMax(dialect.version),
    unknownFields: dialect.unknownFields,
  })
}

export function encodeItem<T>(tag: TagName, schema: ItemSchema<T>, value: T, version: Version): Buffer {
  return encode(schema, value, { tag: tagCode(tag), version: ordinal(version) })
}
