// The time that decides which audit entries are old enough to be pruned. A wall clock that was set ahead prunes nothing at once:
// until it has been as far ahead for three days while the server ran, the clock of destroyed keys counts
// (core/keys/object/recovery-clock.ts). That clock alone is not enough: it stays behind for good if the server was off for long, or
// first began with a clock that was behind.

import type { Clock } from '../ports/clock.ts'

/** So long a wall clock must have been ahead before audit entries go by it; and how much further it may get meanwhile. */
const clockBelievedMs = 3 * 24 * 3600_000
const clockDriftMs = 3600_000

export interface BelievedTimeParts {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly recovery: Pick<Clock, 'now'>
}

export class BelievedTime {
  readonly #parts: BelievedTimeParts
  /** How far the wall clock is ahead at least, and since when: monotonic. */
  #ahead: { readonly byMs: number; readonly sinceMs: number } | undefined

  constructor(parts: BelievedTimeParts) {
    this.#parts = parts
  }

  /** To be asked again and again: a jump and its end in between are not seen. */
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
