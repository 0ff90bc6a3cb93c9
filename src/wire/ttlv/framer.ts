// Splits a stream of bytes into whole messages. A message is one structure, so its first 8 bytes give its length. By those 8
// bytes alone, the framer refuses bytes that cannot be a message and messages above the limit, and stops before a message that
// needs permission. It does not look at the content.

import { TtlvError } from './error.ts'
import { headerBytes, itemTypes } from './wire.ts'

/**
 * Why the framer reads no further. `ask`: a message of `bytes` needs `permit` first. `broken`: the bytes cannot begin a message
 * (`malformed`), or the message is `too-large`. Nothing after a broken message can be read, because the start of the next one is
 * unknown.
 */
export type Halt =
  { readonly kind: 'ask'; readonly bytes: number } | { readonly kind: 'broken'; readonly error: TtlvError }

export interface Framed {
  /** The messages that are now complete, in order, header included. They precede the halt. */
  readonly messages: readonly Buffer[]
  readonly halt: Halt | undefined
}

const nothing = Buffer.alloc(0)

export class Framer {
  readonly #messageBytesMax: number
  readonly #askAboveBytes: number
  /** The beginning of an incomplete message. It grows with the bytes that arrive, not with the announced length. */
  #partial: Buffer = nothing
  #partialBytes = 0
  /** The announced length of the incomplete message. Undefined until its header has arrived. */
  #wholeBytes: number | undefined
  /** Received bytes that are not cut yet. If several chunks had to be joined, they are the last bytes in `#room`. */
  #unread: Buffer = nothing
  #room: Buffer = nothing
  #roomBytes = 0
  #permittedBytes: number
  #streamOffset = 0
  #halt: Halt | undefined

  /** Messages longer than `askAboveBytes` need `permit`. If it is absent, no message does. */
  constructor(options: { readonly messageBytesMax: number; readonly askAboveBytes?: number }) {
    this.#messageBytesMax = options.messageBytesMax
    this.#askAboveBytes = options.askAboveBytes ?? options.messageBytesMax
    this.#permittedBytes = this.#askAboveBytes
  }

  /** Whether a message is incomplete. */
  get partial(): boolean {
    return this.#partialBytes > 0
  }

  /**
   * Messages may be views into `chunk`, so the caller must not reuse it. The framer cuts `messagesMax` messages at most. It keeps
   * the bytes behind these, and the bytes that arrive during a halt, without reading them. So the caller should stop reading from
   * its peer, and later pushes an empty chunk to get more messages.
   */
  push(chunk: Uint8Array, messagesMax = Number.POSITIVE_INFINITY): Framed {
    const messages: Buffer[] = []
    let rest = this.#joined(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    while (rest.length > 0 && this.#halt === undefined && messages.length < messagesMax)
      rest = this.#take(rest, messages)
    this.#unread = rest
    if (rest.length === 0) this.#room = nothing
    return { messages, halt: this.#halt }
  }

  /** Reads the message for which the framer asked permission. Returns what `push` returns. */
  permit(messagesMax?: number): Framed {
    if (this.#halt?.kind !== 'ask') throw new Error('the framer did not ask')
    this.#permittedBytes = this.#halt.bytes
    this.#halt = undefined
    return this.push(nothing, messagesMax)
  }

  /**
   * The unread bytes followed by the chunk. The room doubles when it grows, so that many small chunks are not copied again for
   * each one.
   */
  #joined(chunk: Buffer): Buffer {
    const unread = this.#unread
    if (unread.length === 0) return chunk
    if (chunk.length === 0) return unread
    const bytes = unread.length + chunk.length
    if (this.#roomBytes + chunk.length > this.#room.length) {
      const larger = Buffer.alloc(Math.max(bytes, 2 * unread.length))
      unread.copy(larger)
      if (this.#room.length > 0) unread.fill(0)
      this.#room = larger
      this.#roomBytes = unread.length
    }
    this.#roomBytes += chunk.copy(this.#room, this.#roomBytes)
    return this.#room.subarray(this.#roomBytes - bytes, this.#roomBytes)
  }

  /** Takes bytes of the current message and returns the rest of the chunk. */
  #take(chunk: Buffer, messages: Buffer[]): Buffer {
    if (this.#partialBytes === 0 && chunk.length >= headerBytes) {
      const messageBytes = this.#announced(chunk)
      if (messageBytes !== undefined && chunk.length >= messageBytes) {
        this.#finish(chunk.subarray(0, messageBytes), messages)
        return chunk.subarray(messageBytes)
      }
    }
    const taken = Math.min(chunk.length, (this.#wholeBytes ?? headerBytes) - this.#partialBytes)
    this.#keep(chunk.subarray(0, taken))
    if (this.#partialBytes >= headerBytes) this.#wholeBytes ??= this.#announced(this.#partial)
    if (this.#partialBytes === this.#wholeBytes)
      this.#finish(this.#partial.subarray(0, this.#partialBytes), messages)
    return chunk.subarray(taken)
  }

  #finish(message: Buffer, messages: Buffer[]): void {
    messages.push(message)
    this.#streamOffset += message.length
    this.#permittedBytes = this.#askAboveBytes
    if (this.#partialBytes === 0) return
    this.#partial = nothing
    this.#partialBytes = 0
    this.#wholeBytes = undefined
  }

  /** The buffer doubles when it grows, so that a message that arrives byte by byte is not copied once per byte. */
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

  /** The length of the message with this header. If that message may not be read, halts and returns undefined. */
  #announced(header: Buffer): number | undefined {
    const lengthBytes = header.readUInt32BE(4)
    const messageBytes = headerBytes + lengthBytes
    if (header[3] !== itemTypes.Structure || lengthBytes % 8 !== 0) {
      this.#break('malformed', 'these bytes cannot begin a message')
    } else if (messageBytes > this.#messageBytesMax) {
      const what = `a message of ${messageBytes} bytes, but at most ${this.#messageBytesMax} are allowed`
      this.#break('too-large', what)
    } else if (messageBytes > this.#permittedBytes) {
      this.#halt = { kind: 'ask', bytes: messageBytes }
    } else {
      return messageBytes
    }
    return undefined
  }

  #break(code: 'malformed' | 'too-large', what: string): void {
    this.#halt = {
      kind: 'broken',
      error: new TtlvError(code, what, { path: '', offset: this.#streamOffset }),
    }
  }
}
