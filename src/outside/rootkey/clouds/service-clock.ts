// The clock of a service that believes signatures for a few minutes only: ours, set right by the service's where they are far apart.

import type { Clock } from '../../../core/ports/clock.ts'

/** Clouds take signatures up to five minutes old: a clock that is further off is set right by theirs. */
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

  /** By the header Date of an answer that refuses. Whether our clock was wrong, so that another try is worth it. */
  setRight(date: string | undefined): boolean {
    const aheadMs = Date.parse(date ?? '') - this.#clock.now()
    if (!(Math.abs(aheadMs - this.#aheadMs) > cloudClockSkewMs)) return false
    this.#aheadMs = aheadMs
    return true
  }
}
