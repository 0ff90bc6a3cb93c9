// Splits a stream of bytes into whole messages. A message is one structure, so its first 8 bytes give its length. The
// framer refuses anything that cannot be a message, or is longer than the limit, from those 8 bytes alone. It does not
// look at the content.

import { TtlvError } from './error.ts'
import { headerBytes, itemTypes } from './wire.ts'

export class Framer {
  readonly #messageBytesMax: number
  /** The beginning of an incomplete message. It grows with the bytes that arrive, not with the announced length. */
  #partial: Buffer = Buffer.alloc(0)
  #partialBytes = 0
  /** The announced length of the incomplete message. Undefined until its header has arrived. */
  #wholeBytes: number | undefined
  #streamOffset = 0
  #broken: TtlvError | undefined

  constructor(options: { readonly messageBytesMax: number }) {
    this.#messageBytesMax = options.messageBytesMax
  }

  /**
   * Returns the messages that are now complete, in order, header included. They may be views into `chunk`, so the
   * caller must not reuse `chunk`. Throws TtlvError `malformed` or `too-large`, and throws it again on every later
   * call, because the start of the next message is unknown. If complete messages precede the bad header, this call
   * returns them and the next call throws.
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

  /** Takes the bytes of the current message and returns the rest of the chunk. */
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

  /** Grows by doubling, so that a message that arrives byte by byte is not copied once per byte. */
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
      throw new TtlvError('malformed', 'these bytes cannot begin a message', place)
    }
    const messageBytes = headerBytes + lengthBytes
    if (messageBytes > this.#messageBytesMax) {
      const what = `a message of ${messageBytes} bytes, but at most ${this.#messageBytesMax} are allowed`
      throw new TtlvError('too-large', what, place)
    }
    return messageBytes
  }
}
