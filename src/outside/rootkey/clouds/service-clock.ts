// The time by the clock of a service that accepts signatures for a few minutes only: our clock, corrected by the service's clock where
// the two are far apart.

import type { Clock } from '../../../core/ports/clock.ts'

/** Clouds accept signatures up to five minutes old. Mortise corrects its time if the difference is larger than this, a minute less. */
const cloudClockSkewMs = 240_000

export class ServiceClock {
  readonly #clock: Pick<Clock, 'now'>
  #aheadMs = 0

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now() + this.#aheadMs
  }

  /** Corrects the time by the header Date of a refusal. Returns whether the time was wrong, so that another try is worth it. */
  setRight(date: string | undefined): boolean {
    const aheadMs = Date.parse(date ?? '') - this.#clock.now()
    if (!(Math.abs(aheadMs - this.#aheadMs) > cloudClockSkewMs)) return false
    this.#aheadMs = aheadMs
    return true
  }
}
