// How large an answer may become: the client's Maximum Response Size (KMIP 1.4 §6.3) and our own bound. An item whose
// answer does not fit fails before it is committed, so that nothing is done that the client does not learn of. Once as
// much was worked out for nothing as one answer may have, no more items are begun.

import { Fault } from '../kmip/fault.ts'
import {
  responseHeaderBytes,
  responseItemBytes,
  type ResponseItem,
  type ResponseMessage,
} from '../kmip/message.ts'
import { limits } from '../limits.ts'

export interface AnswerBounds {
  /** The client's own. */
  readonly maximumBytes: number | undefined
  /** Room in memory for so many more bytes; false where there is none. */
  reserve(bytes: number): boolean
}

type Header = Omit<ResponseMessage, 'items'>

export class AnswerRoom {
  readonly #header: Header
  readonly #bounds: AnswerBounds
  readonly #bytesMax: number
  /** Items that are not counted yet. */
  readonly #uncounted: ResponseItem[] = []
  #bytesCounted = 0
  /** Never less than what header and items have: most answers are far from the bound, and need no counting. */
  #bytesAtMost = headerBytesMax
  #forNothingBytes = 0
  #reservedBytes = 0

  constructor(header: Header, bounds: AnswerBounds) {
    const { maximumBytes } = bounds
    this.#header = header
    this.#bounds = bounds
    this.#bytesMax = Math.min(maximumBytes ?? limits.messageBytesMax, limits.messageBytesMax)
  }

  /** For the same answer, from its beginning. */
  again(): AnswerRoom {
    const room = new AnswerRoom(this.#header, this.#bounds)
    room.#reservedBytes = this.#reservedBytes
    return room
  }

  /** What the payload of this item may have. */
  payloadBytesMax({ operationCode, uniqueBatchItemId }: Named): number {
    return this.#bytesMax - this.#bytesWith({ operationCode, uniqueBatchItemId, status: 'Success' })
  }

  /** Throws Fault ResponseTooLarge or, where the server holds too much, GeneralFailure; with the payload wiped. */
  require(item: ResponseItem): void {
    const bytes = this.#bytesAtMost + bytesAtMost(item)
    const fits = bytes <= this.#bytesMax || this.#bytesWith(item) <= this.#bytesMax
    if (fits && this.#reserved(bytes)) return
    this.#forNothingBytes += item.payload?.length ?? 0
    item.payload?.fill(0)
    throw fits
      ? new Fault('GeneralFailure', 'the server has too much to do: try again')
      : tooLarge(this.#bytesMax)
  }

  add(item: ResponseItem): void {
    this.#uncounted.push(item)
    this.#bytesAtMost += bytesAtMost(item)
  }

  /** Why no more items are begun; undefined while they may be. */
  get exhausted(): Fault | undefined {
    return this.#forNothingBytes > limits.messageBytesMax ? tooLarge(this.#bytesMax) : undefined
  }

  #reserved(bytes: number): boolean {
    if (bytes <= limits.strangerMessageBytesMax || bytes <= this.#reservedBytes) return true
    if (!this.#bounds.reserve(bytes - this.#reservedBytes)) return false
    this.#reservedBytes = bytes
    return true
  }

  #bytesWith(item: ResponseItem): number {
    if (this.#bytesCounted === 0) this.#bytesCounted = responseHeaderBytes({ ...this.#header, items: [] })
    for (const added of this.#uncounted.splice(0)) this.#bytesCounted += this.#bytesOf(added)
    return this.#bytesCounted + this.#bytesOf(item)
  }

  #bytesOf({ payload, ...item }: ResponseItem): number {
    return responseItemBytes(item, this.#header.version) + (payload?.length ?? 0)
  }
}

type Named = Pick<ResponseItem, 'operationCode' | 'uniqueBatchItemId'>

/** Of numbers, a time stamp and a correlation value. */
const headerBytesMax = 512
/** Of the fields of an item that are numbers, and of all headers. */
const itemBytesMax = 128

function bytesAtMost({ uniqueBatchItemId, message, payload }: ResponseItem): number {
  const texts = (uniqueBatchItemId?.length ?? 0) + 3 * (message?.length ?? 0)
  return itemBytesMax + texts + (payload?.length ?? 0)
}

function tooLarge(bytesMax: number): Fault {
  return new Fault('ResponseTooLarge', `the answer has more than ${String(bytesMax)} bytes`)
}
