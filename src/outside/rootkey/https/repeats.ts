// Repeats the calls of one service that may succeed in a moment: after pauses that grow, within a bounded time, and not while the
// service asks not to be called. Each session decides which failures are worth a repetition.

import { randomInt } from 'node:crypto'
import { rootKeyCallTimeoutMs } from '../bounds.ts'
import { rootKeyPauseMs } from './bounds.ts'
import type { Clock } from '../../../core/ports/clock.ts'

/** How often one call is tried. */
export const rootKeyTriesMax = 5
/** The longest Retry-After that Mortise obeys: a longer one may not come from the service. */
const rootKeyQuietMs = 60_000

export interface RepeatsOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
  /** The error of a call that has no time to wait until the service may be called again. */
  readonly quietFor: (seconds: number) => Error
}

export interface Tries<T> {
  /** `leftMs`: the time that is left for the call, at least 1. */
  readonly attempt: (leftMs: () => number) => Promise<T>
  /** Whether the call may be made again after this failure. */
  readonly again: (error: unknown) => 'at once' | 'after a pause' | 'never'
  /** Called after each attempt, before the next. */
  readonly ended: (outcome: { readonly answer: T } | { readonly error: unknown }, about: TryMade) => void
}

export interface TryMade {
  /** 1, and more when the call was repeated. */
  readonly attempt: number
  /** Whether Repeats makes the call again after this attempt. */
  readonly repeated: boolean
  readonly ms: number
}

export class Repeats {
  readonly #options: RepeatsOptions
  /** Monotonic milliseconds. The service asked not to be called before this time. */
  #quietUntil = -Infinity

  constructor(options: RepeatsOptions) {
    this.#options = options
  }

  /** Throws the error of the last attempt. */
  async run<T>({ attempt, again, ended }: Tries<T>): Promise<T> {
    const { clock } = this.#options
    const deadline = clock.monotonic() + rootKeyCallTimeoutMs
    for (let number = 1; ; number++) {
      await this.#waitWhileQuiet(deadline)
      const began = clock.monotonic()
      const about = (repeated: boolean) => ({ attempt: number, repeated, ms: clock.monotonic() - began })
      try {
        const answer = await attempt(() => Math.max(1, deadline - clock.monotonic()))
        ended({ answer }, about(false))
        return answer
      } catch (error) {
        const repetition = again(error)
        const repeated =
          repetition === 'at once' || (repetition === 'after a pause' && this.#mayRepeat(number, deadline))
        ended({ error }, about(repeated))
        if (!repeated) throw error
        if (repetition === 'after a pause') await clock.sleep(pauseAfter(number))
      }
    }
  }

  /**
   * Called after a refusal that may succeed later. No call starts before the seconds in its header Retry-After are over; a date there is
   * ignored. After a 429 the pause is `rootKeyPauseMs` at least.
   */
  beQuiet(status: number, retryAfter: string | undefined): void {
    const askedMs = Math.min(Number(retryAfter ?? 0) * 1000 || 0, rootKeyQuietMs)
    const quietMs = Math.max(askedMs, status === 429 ? rootKeyPauseMs : 0)
    this.#quietUntil = Math.max(this.#quietUntil, this.#options.clock.monotonic() + quietMs)
  }

  #mayRepeat(number: number, deadline: number): boolean {
    const untilMs = Math.max(this.#quietUntil, this.#options.clock.monotonic() + 2 * pauseAfter(number))
    return number < rootKeyTriesMax && untilMs < deadline
  }

  async #waitWhileQuiet(deadline: number): Promise<void> {
    const { clock, quietFor } = this.#options
    const quietMs = this.#quietUntil - clock.monotonic()
    if (quietMs <= 0) return
    if (this.#quietUntil >= deadline) throw quietFor(Math.ceil(quietMs / 1000))
    await clock.sleep(quietMs + randomInt(rootKeyPauseMs))
  }
}

/** The pause after this attempt. It doubles with each attempt; a random part makes it up to twice as long. */
function pauseAfter(number: number): number {
  const pauseMs = rootKeyPauseMs * 2 ** (number - 1)
  return pauseMs + randomInt(pauseMs)
}
