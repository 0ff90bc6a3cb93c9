// From a stream of bytes to whole messages. A message is one structure, so its first 8 bytes say how long it is;
// whatever cannot be one, or is longer than the limit, is refused from those bytes alone. What is inside is not
// looked at.

import { TtlvError } from './error.ts'
import { headerBytes, itemTypes } from './wire.ts'

export class Framer {
  readonly #messageBytesMax: number
  /** The beginning of a message that is not whole; grows with what arrives, never with what is announced. */
  #partial: Buffer = Buffer.alloc(0)
  #partialBytes = 0
  /** Of that message; unknown until its header is there. */
  #wholeBytes: number | undefined
  #streamOffset = 0
  #broken: TtlvError | undefined

  constructor(options: { readonly messageBytesMax: number }) {
    this.#messageBytesMax = options.messageBytesMax
  }

  /**
   * The messages that are whole now, header included, in order. They may be views into `chunk`, which is theirs
   * from now on. Throws TtlvError `malformed` or `too-large`, and from then on always: where the next message
   * would begin is not known. Messages that were whole before the bad header are returned first; the error
   * then comes from the next call.
   */
  push(chunk: Uint8Array): Buffer[] {
    if (this.#broken !== undefined) throw this.#broken
    const messages: Buffer[] = []
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    try {
      while (rest.length > 0) rest = this.#take(rest, messages)
    } catch (error) {
      if (!(error instanceof TtlvError)) throw error
      this.#broken = error
      if (messages.length === 0) throw error
    }
    return messages
  }

  /** Takes what belongs to the current message and returns what is left of the chunk. */
  #take(chunk: Buffer, messages: Buffer[]): Buffer {
    if (this.#partialBytes === 0 && chunk.length >= headerBytes) {
      const messageBytes = this.#messageBytes(chunk)
      if (chunk.length >= messageBytes) {
        messages.push(chunk.subarray(0, messageBytes))
        this.#streamOffset += messageBytes
        return chunk.subarray(messageBytes)
      }
    }
    const taken = Math.min(chunk.length, (this.#wholeBytes ?? headerBytes) - this.#partialBytes)
    this.#keep(chunk.subarray(0, taken))
    if (this.#partialBytes === headerBytes) this.#wholeBytes = this.#messageBytes(this.#partial)
    if (this.#partialBytes === this.#wholeBytes) {
      messages.push(this.#partial.subarray(0, this.#partialBytes))
      this.#streamOffset += this.#partialBytes
      this.#partial = Buffer.alloc(0)
      this.#partialBytes = 0
      this.#wholeBytes = undefined
    }
    return chunk.subarray(taken)
  }

  /** Doubling, so that a message that comes byte by byte is not copied once per byte. */
  #keep(bytes: Buffer): void {
    const neededBytes = this.#partialBytes + bytes.length
    if (neededBytes > this.#partial.length) {
      const larger = Buffer.alloc(
        Math.max(neededBytes, Math.min(this.#wholeBytes ?? headerBytes, this.#partial.length * 2)),
      )
      this.#partial.copy(larger, 0, 0, this.#partialBytes)
      this.#partial.fill(0)
      this.#partial = larger
    }
    bytes.copy(this.#partial, this.#partialBytes)
    this.#partialBytes = neededBytes
  }

  #messageBytes(header: Buffer): number {
    const lengthBytes = header.readUInt32BE(4)
    const place = { path: '', offset: this.#streamOffset }
    if (header[3] !== itemTypes.Structure || lengthBytes % 8 !== 0) {
      throw new TtlvError('malformed', 'not the beginning of a message', place)
    }
    const messageBytes = headerBytes + lengthBytes
    if (messageBytes > this.#messageBytesMax) {
      const what = `a message of ${messageBytes} bytes, where ${this.#messageBytesMax} are allowed`
      throw new TtlvError('too-large', what, place)
    }
    return messageBytes
  }
}
