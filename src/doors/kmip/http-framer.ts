// Splits the bytes of an HTTPS connection into messages, as wire/ttlv/framer.ts does for TTLV alone, and puts HTTP around the answers. It
// refuses a request whose head cannot be that of a KMIP message, and it halts before a message that needs permission. So one
// connection.ts, with one set of bounds, serves TTLV and HTTPS. Why no library: docs/decisions/text-encodings.md.

import { textPerTtlvBytesMax } from './bounds.ts'
import type { Encoding } from '../../wire/kmip/encodings.ts'
import { TtlvError } from '../../wire/ttlv/error.ts'
import type { Answer, MessageFramer, MessageHalt, MessagesFramed } from './contract.ts'
import {
  answerHead,
  continueText,
  readHead,
  refusalOfPart,
  refusalText,
  headTooLong,
  type Head,
  type HeadRefusal,
} from './http-head.ts'

/** The bound of the request line and header fields of one HTTP request. */
export const httpHeadBytesMax = 4 * 1024

type Message = Extract<Head, { readonly kind: 'message' }>

export interface HttpFramerOptions {
  readonly messageBytesMax: number
  /** A message longer than this, with its head, needs `permit`. */
  readonly askAboveBytes: number
}

const headEnd = Buffer.from('\r\n\r\n')

export class HttpFramer implements MessageFramer {
  readonly canReverse = false
  readonly #options: HttpFramerOptions
  /** The bytes from `#from` to `#to` have arrived and are not cut into messages yet. The capacity grows by doubling. */
  #held: Buffer = Buffer.alloc(0)
  #from = 0
  #to = 0
  /** The message whose head is read, while its body arrives. */
  #current: Message | undefined
  /** Complete messages that are not answered yet, in order. */
  readonly #unanswered: Message[] = []
  #halt: MessageHalt | undefined

  constructor(options: HttpFramerOptions) {
    this.#options = options
  }

  /** Whether a part of a message has arrived. */
  get partial(): boolean {
    return this.#heldBytes > 0 || this.#current !== undefined
  }

  /** The encoding of the message that is answered next. */
  get encoding(): Encoding {
    return this.#unanswered[0]?.encoding ?? this.#current?.encoding ?? 'ttlv'
  }

  /** The name by which the message that is answered next addresses this server. */
  get host(): string | undefined {
    return this.#unanswered[0]?.host
  }

  push(chunk: Buffer, messagesMax = Number.POSITIVE_INFINITY): MessagesFramed {
    this.#hold(chunk)
    const messages: Buffer[] = []
    while (this.#halt === undefined && messages.length < messagesMax) {
      if (this.#current === undefined) this.#readHead()
      const current = this.#current
      if (current === undefined || this.#halt !== undefined || this.#heldBytes < current.bodyBytes) break
      messages.push(this.#take(current.bodyBytes))
      this.#unanswered.push(current)
      this.#current = undefined
    }
    return { messages, halt: this.#halt }
  }

  /** Permits the message for which the framer halted and asked (a long one, or one that awaits "100 Continue"), and continues as `push` does. */
  permit(messagesMax?: number): MessagesFramed {
    if (this.#halt?.kind !== 'ask') throw new Error('the framer did not ask')
    this.#halt = undefined
    return this.push(Buffer.alloc(0), messagesMax)
  }

  /** Puts HTTP around an answer, and overwrites `bytes` with zeros. If they are empty, the connection ends without an answer. */
  answer({ bytes, close }: Answer): Answer {
    const message = this.#unanswered.shift() ?? this.#current
    if (bytes.length === 0) return { bytes, close: true }
    const ends = close || message?.keepAlive !== true
    const head = Buffer.from(answerHead(message?.encoding ?? 'ttlv', bytes.length, !ends), 'latin1')
    const whole = Buffer.concat([head, bytes])
    bytes.fill(0)
    return { bytes: whole, close: ends }
  }

  #readHead(): void {
    this.#passEmptyLines()
    const seen = this.#held.subarray(this.#from, Math.min(this.#to, this.#from + httpHeadBytesMax))
    const impossible = refusalOfPart(seen)
    if (impossible) return this.#refuse(impossible)
    const end = seen.indexOf(headEnd)
    if (end < 0) {
      if (seen.length === httpHeadBytesMax) this.#refuse(headTooLong)
      return
    }
    const head = readHead(this.#take(end + headEnd.length).toString('latin1', 0, end))
    if (head.kind === 'refused') return this.#refuse(head)
    this.#current = head
    const bytes = end + headEnd.length + head.bodyBytes
    const interim = head.awaitsContinue && this.#heldBytes < head.bodyBytes
    if (head.bodyBytes > this.#bytesMax(head.encoding)) {
      const error = new TtlvError('too-large', 'a message that is too large', { path: '', offset: 0 })
      this.#halt = { kind: 'broken', error }
    } else if (interim || bytes > this.#options.askAboveBytes) {
      this.#halt = { kind: 'ask', bytes, ...(interim && { interim: Buffer.from(continueText) }) }
    }
  }

  /** RFC 9112 §2.2: an empty line before a request is ignored. */
  #passEmptyLines(): void {
    let end = this.#from
    while (end + 2 <= this.#to && this.#held[end] === 0x0d && this.#held[end + 1] === 0x0a) end += 2
    if (end > this.#from) this.#take(end - this.#from)
  }

  #bytesMax(encoding: Encoding): number {
    return this.#options.messageBytesMax * (encoding === 'ttlv' ? 1 : textPerTtlvBytesMax)
  }

  #refuse(refusal: HeadRefusal): void {
    const error = new TtlvError('malformed', refusal.why, { path: '', offset: 0 })
    this.#halt = { kind: 'broken', error, answer: Buffer.from(refusalText(refusal), 'latin1') }
  }

  get #heldBytes(): number {
    return this.#to - this.#from
  }

  #hold(chunk: Buffer): void {
    const neededBytes = this.#heldBytes + chunk.length
    if (this.#to + chunk.length > this.#held.length) {
      const wantedBytes = this.#current?.bodyBytes ?? httpHeadBytesMax
      const moreBytes =
        neededBytes > wantedBytes ? neededBytes * 2 : Math.min(this.#held.length * 2, wantedBytes)
      const larger = Buffer.alloc(Math.max(neededBytes, moreBytes))
      this.#held.copy(larger, 0, this.#from, this.#to)
      this.#held.fill(0)
      this.#held = larger
      this.#from = 0
    }
    chunk.copy(this.#held, this.#from + neededBytes - chunk.length)
    this.#to = this.#from + neededBytes
  }

  /** Removes the first bytes and returns them. If more follow, it returns a copy, since each message is overwritten by itself. */
  #take(bytes: number): Buffer {
    const [start, end] = [this.#from, this.#from + bytes]
    const taken = this.#held.subarray(start, end)
    this.#from = end
    if (end < this.#to) {
      const copy = Buffer.from(taken)
      taken.fill(0)
      return copy
    }
    this.#held = Buffer.alloc(0)
    this.#from = 0
    this.#to = 0
    return taken
  }
}
