// The time that decides which audit entries are old enough to be pruned. A wall clock that was set ahead must not prune anything
// at once. So the clock of destroyed keys (core/keys/object/recovery-clock.ts) counts until the wall clock has been ahead by the
// same time for three days of a running server. The clock of destroyed keys alone is not enough: it stays behind for ever if the
// server was off for long, or first started with a clock that was behind.

import type { Clock } from '../ports/clock.ts'

/**
 * How long a wall clock must have been ahead before it counts for audit entries, and how much further ahead it may get meanwhile.
 */
const clockBelievedMs = 3 * 24 * 3600_000
const clockDriftMs = 3600_000

export interface BelievedTimeParts {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly recovery: Pick<Clock, 'now'>
}

export class BelievedTime {
  readonly #parts: BelievedTimeParts
  /** How far the wall clock is ahead at least, and since which monotonic time. */
  #ahead: { readonly byMs: number; readonly sinceMs: number } | undefined

  constructor(parts: BelievedTimeParts) {
    this.#parts = parts
  }

  /** The caller calls this regularly, since a jump that ends between two calls goes unnoticed. */
  now(): number {
    const { clock, recovery } = this.#parts
    const [wallMs, countedMs, monotonicMs] = [clock.now(), recovery.now(), clock.monotonic()]
    const byMs = wallMs - countedMs
    const before = this.#ahead
    const goesOn = before !== undefined && byMs <= before.byMs + clockDriftMs
    const ahead = goesOn
      ? { byMs: Math.min(byMs, before.byMs), sinceMs: before.sinceMs }
      : { byMs, sinceMs: monotonicMs }
    this.#ahead = ahead
    return monotonicMs - ahead.sinceMs >= clockBelievedMs ? wallMs : Math.min(wallMs, countedMs)
  }
}
