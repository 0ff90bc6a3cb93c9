// From the bytes of one connection to whole messages, stopping at the header of a message that is larger than a
// stranger may send, so that it can be asked who sends it before any more is read. The framer knows what a message
// is; this file only decides how far the framer is fed.

import { TtlvError } from '../ttlv/error.ts'
import { Framer } from '../ttlv/framer.ts'
import { headerBytes } from '../ttlv/wire.ts'

/** Why no more is read. 'ask': a message of `bytes` is announced that needs `permit` first. */
export type Halt =
  | { readonly kind: 'ask'; readonly bytes: number }
  | { readonly kind: 'unreadable'; readonly reason: 'malformed' | 'too-large' }

export interface Intaken {
  /** In order of arrival. They come before the halt. */
  readonly messages: readonly Buffer[]
  readonly halt: Halt | undefined
}

export class Intake {
  readonly #framer: Framer
  readonly #askAboveBytes: number
  /** What arrived and was not looked at, because of a halt. */
  #rest: Buffer = Buffer.alloc(0)
  readonly #header = Buffer.alloc(headerBytes)
  /** Bytes of the current message that the framer has. */
  #fed = 0
  #permittedBytes = 0
  #halt: Halt | undefined

  constructor(options: { readonly messageBytesMax: number; readonly askAboveBytes: number }) {
    this.#framer = new Framer({ messageBytesMax: options.messageBytesMax })
    this.#askAboveBytes = options.askAboveBytes
  }

  /** A message has begun and is not whole. */
  get partial(): boolean {
    return this.#fed > 0
  }

  /** While halted, what arrives is only kept: the caller stops reading. */
  push(chunk: Buffer): Intaken {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const messages: Buffer[] = []
    try {
      while (this.#rest.length > 0 && this.#halt === undefined) this.#halt = this.#step(messages)
    } catch (error) {
      if (!(error instanceof TtlvError)) throw error
      this.#halt = { kind: 'unreadable', reason: error.code === 'too-large' ? 'too-large' : 'malformed' }
    }
    return { messages, halt: this.#halt }
  }

  /** After an 'ask': that message may be read. */
  permit(bytes: number): Intaken {
    this.#permittedBytes = bytes
    this.#halt = undefined
    return this.push(Buffer.alloc(0))
  }

  /** Feeds the framer as far as the end of the current header or message. */
  #step(messages: Buffer[]): Halt | undefined {
    if (this.#fed < headerBytes) {
      const taken = this.#rest.copy(this.#header, this.#fed, 0, headerBytes - this.#fed)
      if (this.#fed + taken < headerBytes) {
        this.#feed(taken, messages)
        return undefined
      }
      const bytes = this.#messageBytes()
      if (bytes > this.#askAboveBytes && this.#permittedBytes < bytes) {
        // Only the framer says whether this is a header at all; it throws where it is none or announces too much.
        if (this.#fed < headerBytes) this.#feed(taken, messages)
        return { kind: 'ask', bytes }
      }
    }
    this.#feed(Math.min(this.#messageBytes() - this.#fed, this.#rest.length), messages)
    return undefined
  }

  #feed(bytes: number, messages: Buffer[]): void {
    const whole = this.#framer.push(this.#rest.subarray(0, bytes))
    this.#rest = this.#rest.subarray(bytes)
    this.#fed += bytes
    if (whole.length === 0) return
    messages.push(...whole)
    this.#fed = 0
    this.#permittedBytes = 0
  }

  #messageBytes(): number {
    return headerBytes + this.#header.readUInt32BE(4)
  }
}
