// Operations on one connection, as values: typed requests and answers; a refusal becomes KmipRefused. An answer that
// does not match its request is a KmipTransportError `protocol`.

import { encodeRequest } from '../../wire/kmip/client-message.ts'
import type { IncomingResponse } from '../../wire/kmip/client-message.ts'
import type { WireCredential } from '../../wire/kmip/credential.ts'
import { codeOf } from '../../wire/kmip/enums.ts'
import type { EnumName } from '../../wire/kmip/enums.ts'
import type { ResponseItem } from '../../wire/kmip/message.ts'
import type { OperationName, Request, Response } from '../../wire/kmip/operations.ts'
import { encodeRequestPayload } from '../../wire/kmip/payload.ts'
import type { Version } from '../../wire/kmip/version.ts'
import { readAnswer, readPayload, wrongAnswer } from './answers.ts'
import type { ClientConnection } from './connection.ts'
import { KmipRefused } from './errors.ts'

/** The versions that this client supports. The server may support more. */
export type ClientVersion = Extract<Version, `1.${string}`>

/** Performs one operation at a time: KmipSession on one connection, KmipClient on any. */
export interface Requester {
  readonly version: ClientVersion
  request<N extends OperationName>(operation: N, request: Request<N>): Promise<Response<N>>
}

export type BatchRequest = {
  [N in OperationName]: { readonly operation: N; readonly request: Request<N> }
}[OperationName]

export type ItemOutcome<N extends OperationName> =
  | { readonly ok: true; readonly response: Response<N> }
  | { readonly ok: false; readonly refused: KmipRefused }

export type Outcomes<L extends readonly BatchRequest[]> = {
  readonly [I in keyof L]: ItemOutcome<L[I]['operation']>
}

export interface ClientBatchOptions {
  /** Default: the server stops at the first refusal. */
  readonly onError?: EnumName<'BatchErrorContinuationOption'>
  /** Whether the server must process the items in this order. */
  readonly inOrder?: boolean
}

export class KmipSession implements Requester {
  readonly version: ClientVersion
  readonly connection: ClientConnection
  readonly #credential: WireCredential | undefined
  #sent = false

  constructor(connection: ClientConnection, version: ClientVersion, credential?: WireCredential) {
    this.connection = connection
    this.version = version
    this.#credential = credential
  }

  /** Whether a request has been sent, so that repeating it would send it twice. */
  get hasSent(): boolean {
    return this.#sent
  }

  /** Rejects with KmipRefused or KmipTransportError. */
  async request<N extends OperationName>(operation: N, request: Request<N>): Promise<Response<N>> {
    const item = { operation, request } as BatchRequest
    const { answer, items } = await this.#ask([item], {})
    const outcome = this.#outcome(operation, items[0], answer)
    if (!outcome.ok) throw outcome.refused
    return outcome.response
  }

  /** Sends all requests in one message. A refusal is an outcome and no error, also for items that the server did not reach. */
  async batch<const L extends readonly BatchRequest[]>(
    requests: L,
    options: ClientBatchOptions = {},
  ): Promise<Outcomes<L>> {
    const { answer, items } = await this.#ask(requests, options)
    return requests.map(({ operation }, index) =>
      this.#outcome(operation, items[index], answer),
    ) as Outcomes<L>
  }

  /** Returns the answer, and its items in the order of the requests; undefined for a request without an item. */
  async #ask(requests: readonly BatchRequest[], options: ClientBatchOptions) {
    const bytes = this.#encode(requests, options)
    this.#sent ||= this.connection.isOpen
    const { address } = this.connection
    const answer = readAnswer(await this.connection.exchange(bytes), address)
    if (answer.batchCount !== answer.items.length || answer.items.length > requests.length)
      throw wrongAnswer(
        address,
        `${answer.items.length} batch items, where Batch Count is ${answer.batchCount}`,
      )
    return { answer, items: requests.map((_, index) => itemFor(index, requests.length, answer.items)) }
  }

  #encode(requests: readonly BatchRequest[], { onError, inOrder }: ClientBatchOptions): Buffer {
    const { version } = this
    return encodeRequest({
      version,
      ...(this.#credential && { credentials: [this.#credential] }),
      ...(onError !== undefined && { batchErrorContinuationOption: onError }),
      ...(inOrder !== undefined && { batchOrderOption: inOrder }),
      items: requests.map(({ operation, request }, index) => ({
        operation,
        payload: encodeRequestPayload(operation, request as never, version),
        // KMIP 1.4 §6.4: required if there is more than one item.
        ...(requests.length > 1 && { uniqueBatchItemId: batchItemId(index) }),
      })),
    })
  }

  #outcome<N extends OperationName>(
    operation: N,
    item: ResponseItem | undefined,
    answer: IncomingResponse,
  ): ItemOutcome<N> {
    if (!item) {
      const message = 'not done: the server stopped at an earlier item'
      return { ok: false, refused: new KmipRefused(operation, { status: 'OperationFailed', message }) }
    }
    if (item.status !== 'Success') return { ok: false, refused: new KmipRefused(operation, item) }
    const { address } = this.connection
    if (item.operationCode !== codeOf('Operation', operation))
      throw wrongAnswer(address, `it does not answer ${operation}`)
    return { ok: true, response: readPayload(operation, item, answer, address) }
  }
}

/** The item that answers a request: found by Unique Batch Item ID, since items may arrive in any order; by position if the server sends no ID. */
function itemFor(index: number, count: number, items: readonly ResponseItem[]): ResponseItem | undefined {
  if (count === 1) return items[0]
  const named = items.filter(({ uniqueBatchItemId }) => uniqueBatchItemId !== undefined)
  const id = batchItemId(index)
  // One item without Operation and without ID: the server refused the message as a whole.
  const refusal = items.length === 1 && items[0]?.operationCode === undefined ? items[0] : undefined
  if (named.length === 0) return refusal ?? items[index]
  return named.find(({ uniqueBatchItemId }) => uniqueBatchItemId && id.equals(uniqueBatchItemId))
}

function batchItemId(index: number): Buffer {
  const id = Buffer.alloc(4)
  id.writeUInt32BE(index + 1)
  return id
}
