// The limits of calls to one vCenter: how many run at once, and the times that one answer may take, which are the longest silence and
// the whole. Time in which the caller works on a part of the answer does not count.

import type { Clock, Timer } from '../../core/ports/clock.ts'
import { VsphereError } from './errors.ts'

/** Calls that wait for a slot. */
const waitingCallsMax = 1_000

/** Slots for calls that run; the others wait in the order of their arrival. */
export class ConnectionSlots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /**
   * Resolves with what gives the slot back, which is called once. Rejects with the signal's reason, and with VsphereError if too many
   * calls wait.
   */
  async take(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted()
    if (this.#free > 0) this.#free--
    else if (this.#waiting.length >= waitingCallsMax)
      throw new VsphereError('unreachable', `More than ${waitingCallsMax} calls wait for vCenter`)
    else await this.#turn(signal)
    return () => {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    const leave = () => {
      this.#waiting.splice(this.#waiting.indexOf(begin), 1)
      reject(signal?.reason as Error)
    }
    const begin = () => {
      signal?.removeEventListener('abort', leave)
      resolve(undefined)
    }
    this.#waiting.push(begin)
    signal?.addEventListener('abort', leave, { once: true })
    return promise
  }
}

export interface AnswerTimesOptions {
  /** The time for the whole answer. */
  readonly answerMs: number
  /** The longest time without a byte. */
  readonly silenceMs: number
  readonly clock: Pick<Clock, 'after' | 'monotonic'>
  /** Runs once, with what was late. */
  readonly onExpiry: (reason: string) => void
}

/** Stands still until `resume`. */
export class AnswerTimes {
  readonly #options: AnswerTimesOptions
  #leftMs: number
  #resumedAt = 0
  #answer: Timer | undefined
  #silence: Timer | undefined

  constructor(options: AnswerTimesOptions) {
    this.#options = options
    this.#leftMs = options.answerMs
  }

  resume(): void {
    const { clock, onExpiry, answerMs } = this.#options
    this.#resumedAt = clock.monotonic()
    this.#answer = clock.after(Math.max(0, this.#leftMs), () => {
      onExpiry(`no whole answer within ${answerMs / 1000} s`)
    })
    this.heardByte()
  }

  pause(): void {
    this.#answer?.cancel()
    this.#silence?.cancel()
    this.#leftMs -= this.#options.clock.monotonic() - this.#resumedAt
  }

  heardByte(): void {
    const { clock, onExpiry, silenceMs } = this.#options
    this.#silence?.cancel()
    this.#silence = clock.after(silenceMs, () => onExpiry(`silence for ${silenceMs / 1000} s`))
  }
}
