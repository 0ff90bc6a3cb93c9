// Reads a server's answers. Bytes that are not an answer become KmipTransportError `protocol`, with the address.

import { decodeResponse } from '../../wire/kmip/client-message.ts'
import type { IncomingResponse } from '../../wire/kmip/client-message.ts'
import type { ResponseItem } from '../../wire/kmip/message.ts'
import type { OperationName, Response } from '../../wire/kmip/operations.ts'
import { decodeResponsePayload } from '../../wire/kmip/payload.ts'
import { TtlvError } from '../../wire/ttlv/error.ts'
import type { Address } from '../../base/kmip-address.ts'
import { KmipTransportError } from './errors.ts'

export function readAnswer(bytes: Uint8Array, from: Address): IncomingResponse {
  return reading(from, 'the message', () => decodeResponse(bytes))
}

/** The payload of an item that succeeded. */
export function readPayload<N extends OperationName>(
  operation: N,
  item: ResponseItem,
  answer: IncomingResponse,
  from: Address,
): Response<N> {
  const { payload } = item
  if (payload === undefined) throw wrongAnswer(from, `${operation}: success, but no payload`)
  return reading(from, operation, () => decodeResponsePayload(operation, payload, answer))
}

export function wrongAnswer(from: Address, what: string, cause?: Error): KmipTransportError {
  return new KmipTransportError('protocol', from, `the answer does not match the request: ${what}`, { cause })
}

function reading<T>(from: Address, what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof TtlvError ? wrongAnswer(from, `${what}: ${error.message}`, error) : error
  }
}
