// Answers messages in XML and JSON with the function that answers TTLV. It converts the text to TTLV, and the answer back to a text, both
// in turns. So the code behind it knows TTLV alone. A malformed text gets a KMIP answer.

import {
  fromTextInParts,
  toText,
  toTextInParts,
  type Encoding,
  type TextEncoding,
} from '../../wire/kmip/encodings.ts'
import { largeAnswerBytes, untrustedMessageBytesMax } from '../../base/bounds.ts'
import { textPerTtlvBytesMax } from './bounds.ts'
import { inTurns, type Parts, type Turns } from '../../base/parts.ts'
import { TtlvError } from '../../wire/ttlv/error.ts'
import type { Answer, Exchange, ListenerOptions, Peer } from './contract.ts'
import { andThen, type MaybePromise } from '../../base/maybe-promise.ts'

type Answering = Pick<ListenerOptions, 'answer'> & Pick<Required<ListenerOptions>, 'answerUnreadable'>

interface InTtlv<P extends Turns> extends Pick<Answering, 'answerUnreadable'> {
  /** `pace`: the pace of the message if its first turn has begun. */
  answer(message: Buffer, peer: Peer, exchange: Exchange, pace?: P): Promise<Answer>
  /** The answer to a malformed text, in TTLV. */
  answerMalformed(error: TtlvError): Buffer
  /** Resolves in the first turn of a message. Rejects if its peer has left. */
  begin(peer: Peer, abandoned: AbortSignal): P | Promise<P>
  /** Charges the peer with the time that the server spent on reading or writing a large text. */
  worked(peer: Peer, ms: number): void
  /** Monotonic milliseconds. */
  now(): number
}

export function inEachEncoding<P extends Turns>(inTtlv: InTtlv<P>): Answering {
  /** Does the work on a text in turns, and charges the peer for it if the text is large. */
  const worked = async <T>(peer: Peer, pace: P, parts: Parts<T>, isLarge: (result?: T) => boolean) => {
    const turns = new TimedTurns(pace, () => inTtlv.now())
    let result: T | undefined
    try {
      return (result = await inTurns(parts, turns))
    } finally {
      if (isLarge(result)) inTtlv.worked(peer, turns.end())
    }
  }
  const read = async (encoding: TextEncoding, text: Buffer, peer: Peer, pace: P) => {
    const isLarge = () => text.length > untrustedMessageBytesMax
    try {
      return await worked(peer, pace, fromTextInParts(encoding, text), isLarge)
    } catch (error) {
      if (error instanceof TtlvError) return error
      throw error
    }
  }
  const written = async (encoding: TextEncoding, message: Buffer, peer: Peer, pace: P) => {
    if (message.length === 0) return message
    try {
      return await worked(peer, pace, toTextInParts(encoding, message), isLargeAnswer)
    } finally {
      message.fill(0)
    }
  }
  const answerText = async (encoding: TextEncoding, text: Buffer, peer: Peer, exchange: Exchange) => {
    try {
      const pace = await inTtlv.begin(peer, exchange.abandoned)
      const message = await read(encoding, text, peer, pace)
      if (message instanceof TtlvError)
        return { bytes: await written(encoding, inTtlv.answerMalformed(message), peer, pace), close: false }
      // The answerer counts the bytes of TTLV, and the text takes several times as many.
      const reserve = (bytes: number) => exchange.reserve(bytes * textPerTtlvBytesMax)
      const { bytes, close } = await inTtlv.answer(message, peer, { ...exchange, reserve }, pace)
      return { bytes: await written(encoding, bytes, peer, pace), close }
    } catch (error) {
      if (exchange.abandoned.aborted) return { bytes: Buffer.alloc(0), close: true }
      throw error
    } finally {
      text.fill(0)
    }
  }
  return {
    answer: (message, peer, exchange) =>
      exchange.encoding === 'ttlv'
        ? inTtlv.answer(message, peer, exchange)
        : answerText(exchange.encoding, message, peer, exchange),
    answerUnreadable(reason, peer, encoding) {
      const bytes = inTtlv.answerUnreadable(reason, peer, encoding)
      return bytes && shortText(encoding, bytes)
    },
  }
}

function isLargeAnswer(text?: Buffer): boolean {
  return text !== undefined && text.length > largeAnswerBytes
}

function shortText(encoding: Encoding, message: Buffer): Buffer {
  return encoding === 'ttlv' ? message : toText(encoding, message)
}

/** Gives some work its turns and measures how long the work took in them. Others work between two turns. */
class TimedTurns implements Turns {
  readonly #turns: Turns
  readonly #now: () => number
  #usedMs = 0
  #sinceMs: number

  /** The work begins within a turn. `now`: monotonic milliseconds. */
  constructor(turns: Turns, now: () => number) {
    this.#turns = turns
    this.#now = now
    this.#sinceMs = now()
  }

  get spent(): boolean {
    return this.#turns.spent
  }

  turn(): MaybePromise<void> {
    this.#usedMs += this.#now() - this.#sinceMs
    this.#sinceMs = Infinity
    return andThen(this.#turns.turn(), () => {
      this.#sinceMs = this.#now()
    })
  }

  /** Returns how many milliseconds the work took. Call it when the work is over, or no turn came. */
  end(): number {
    return this.#usedMs + Math.max(0, this.#now() - this.#sinceMs)
  }
}
