// Bounds the size of an answer, by the client's Maximum Response Size (KMIP 1.4 §6.3) and by our own maximum. An item
// whose answer does not fit fails before it is committed, so that nothing is done that the client does not learn of. Once
// the discarded answers add up to more than one answer may have, no more items are begun.

import { Fault } from '../kmip/fault.ts'
import {
  responseHeaderBytes,
  responseItemBytes,
  type ResponseItem,
  type ResponseMessage,
} from '../kmip/message.ts'
import { limits } from '../limits.ts'

export interface AnswerBounds {
  /** The client's Maximum Response Size. */
  readonly maximumBytes: number | undefined
  /** Reserves memory for so many more bytes; false if there is none. */
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
  /** An upper bound of the bytes so far: most answers are far from their maximum and are never counted exactly. */
  #bytesAtMost = headerBytesMax
  #discardedBytes = 0
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

  /** The most bytes that the payload of this item may have. */
  payloadBytesMax({ operationCode, uniqueBatchItemId }: Named): number {
    return this.#bytesMax - this.#bytesWith({ operationCode, uniqueBatchItemId, status: 'Success' })
  }

  /** Throws Fault ResponseTooLarge or, where the server holds too much, GeneralFailure; with the payload wiped. */
  require(item: ResponseItem): void {
    const bytes = this.#bytesAtMost + bytesAtMost(item)
    const fits = bytes <= this.#bytesMax || this.#bytesWith(item) <= this.#bytesMax
    if (fits && this.#reserved(bytes)) return
    this.#discardedBytes += item.payload?.length ?? 0
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
    return this.#discardedBytes > limits.messageBytesMax ? tooLarge(this.#bytesMax) : undefined
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

/** The response header: numbers, a time stamp and a correlation value. */
const headerBytesMax = 512
/** An item's numeric fields, and the TTLV headers of all its fields. */
const itemBytesMax = 128

function bytesAtMost({ uniqueBatchItemId, message, payload }: ResponseItem): number {
  const texts = (uniqueBatchItemId?.length ?? 0) + 3 * (message?.length ?? 0)
  return itemBytesMax + texts + (payload?.length ?? 0)
}

function tooLarge(bytesMax: number): Fault {
  return new Fault('ResponseTooLarge', `the answer has more than ${String(bytesMax)} bytes`)
}
