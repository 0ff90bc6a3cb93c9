// Bounds the size of a response, by the client's Maximum Response Size (KMIP 1.4 §6.3) and by our own maximum. An item
// whose answer does not fit fails before its commit, so the server does nothing that the client cannot learn of. Once
// the discarded answers exceed the maximum size of one response, no further items start.

import { Fault } from '../../wire/kmip/fault.ts'
import {
  responseHeaderBytes,
  responseItemBytes,
  type ResponseItem,
  type ResponseMessage,
} from '../../wire/kmip/message.ts'
import { messageBytesMax, untrustedMessageBytesMax } from '../../base/bounds.ts'

export interface AnswerBounds {
  /** The client's Maximum Response Size. */
  readonly maximumBytes: number | undefined
  /** Reserves memory for this many more bytes. Returns false if there is not enough. */
  reserve(bytes: number): boolean
}

type Header = Omit<ResponseMessage, 'items'>

export class AnswerRoom {
  readonly #header: Header
  readonly #bounds: AnswerBounds
  readonly #bytesMax: number
  /** Items that `#bytesCounted` does not include yet. */
  readonly #uncounted: ResponseItem[] = []
  #bytesCounted = 0
  /**
   * An upper bound of the bytes so far. Most responses stay far below the maximum, so they are never counted exactly.
   */
  #bytesAtMost = headerBytesMax
  #discardedBytes = 0
  #reservedBytes = 0

  constructor(header: Header, bounds: AnswerBounds) {
    const { maximumBytes } = bounds
    this.#header = header
    this.#bounds = bounds
    this.#bytesMax = Math.min(maximumBytes ?? messageBytesMax, messageBytesMax)
  }

  /** Starts the same response again. */
  again(): AnswerRoom {
    const room = new AnswerRoom(this.#header, this.#bounds)
    room.#reservedBytes = this.#reservedBytes
    return room
  }

  /** The maximum payload size of this item. */
  payloadBytesMax({ operationCode, uniqueBatchItemId }: Named): number {
    return this.#bytesMax - this.#bytesWith({ operationCode, uniqueBatchItemId, status: 'Success' })
  }

  /**
   * Throws Fault ResponseTooLarge, or GeneralFailure if the server is out of memory for answers. Wipes the payload
   * first.
   */
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

  /** The reason to start no further items. Undefined while there is none. */
  get exhausted(): Fault | undefined {
    return this.#discardedBytes > messageBytesMax ? tooLarge(this.#bytesMax) : undefined
  }

  #reserved(bytes: number): boolean {
    if (bytes <= untrustedMessageBytesMax || bytes <= this.#reservedBytes) return true
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

/** The maximum size of a response header: numbers, a time stamp and a correlation value. */
const headerBytesMax = 512
/** The maximum size of an item's numeric fields and of the TTLV headers of all its fields. */
const itemBytesMax = 128

function bytesAtMost({ uniqueBatchItemId, message, payload }: ResponseItem): number {
  const texts = (uniqueBatchItemId?.length ?? 0) + 3 * (message?.length ?? 0)
  return itemBytesMax + texts + (payload?.length ?? 0)
}

function tooLarge(bytesMax: number): Fault {
  return new Fault('ResponseTooLarge', `the answer is larger than ${String(bytesMax)} bytes`)
}
