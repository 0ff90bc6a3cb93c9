// The clock of the database, as its answers tell it: how far it is ahead of the monotonic clock of this process. After the database's
// first answer the machine's wall clock has no part in this, so setting it in the middle of a transaction changes no date.
//
// The monotonic clock stands still while a machine is suspended, and an answer that was on its way meanwhile shows an old time. So a
// jump counts only once two answers in different transactions agree on it.

import type { Clock } from '../../../core/ports/clock.ts'

/** A larger change of the database's clock counts as a jump. Two answers agree on a jump if they differ by at most clockAgreeMs. */
const clockJumpMs = 1_000
const clockAgreeMs = 50

interface Range {
  readonly leastMs: number
  readonly mostMs: number
}

export class DatabaseClock {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly #onAnswer: ((aheadMs: number) => void) | undefined
  /** Before the first answer: how far the machine's wall clock is ahead. */
  #aheadMs: number
  #isKnown = false
  /** The range that the last answer allows, if it is far from `#aheadMs`. */
  #jump: Range | undefined

  /** `onAnswer`: called with `aheadMs` in each transaction. */
  constructor(clock: Pick<Clock, 'now' | 'monotonic'>, onAnswer?: (aheadMs: number) => void) {
    this.#clock = clock
    this.#onAnswer = onAnswer
    this.#aheadMs = clock.now() - clock.monotonic()
  }

  /** How far the database's clock is ahead of the monotonic clock. */
  get aheadMs(): number {
    return this.#aheadMs
  }

  /** How far the wall clock of this machine is behind the database's clock; below 0: ahead of it. */
  get behindMs(): number {
    return this.#aheadMs + this.#clock.monotonic() - this.#clock.now()
  }

  /** True: the last answer shows a jump, which the next transaction confirms or not. */
  get isUnsure(): boolean {
    return this.#jump !== undefined
  }

  /** Takes an answer of the database, once for each transaction. `askedMs`: by the monotonic clock, before the question was sent. */
  take(databaseMs: number, askedMs: number): void {
    const range = { leastMs: databaseMs - this.#clock.monotonic(), mostMs: databaseMs - askedMs }
    const isNear = Math.abs(within(range, this.#aheadMs) - this.#aheadMs) <= clockJumpMs
    const agreed = isNear || !this.#isKnown ? range : common(range, this.#jump)
    this.#jump = agreed ? undefined : range
    if (agreed) this.#aheadMs = within(agreed, this.#aheadMs)
    this.#isKnown = true
    this.#onAnswer?.(this.#aheadMs)
  }
}

/** The value in the range that is nearest to `ms`. An answer may take long, and tells no more than the range. */
function within({ leastMs, mostMs }: Range, ms: number): number {
  return Math.min(Math.max(ms, leastMs), mostMs)
}

/** The range that both answers allow; undefined: they do not agree. */
function common(one: Range, other: Range | undefined): Range | undefined {
  if (!other) return undefined
  const leastMs = Math.max(one.leastMs, other.leastMs)
  const mostMs = Math.min(one.mostMs, other.mostMs)
  return leastMs <= mostMs + clockAgreeMs ? { leastMs, mostMs: Math.max(leastMs, mostMs) } : undefined
}
