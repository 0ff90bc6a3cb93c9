// The clock of a service that believes signatures for a few minutes only: ours, set right by the service's where they are far apart.

import { limits } from '../../../base/limits.ts'
import type { Clock } from '../../../core/ports/clock.ts'

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
    if (!(Math.abs(aheadMs - this.#aheadMs) > limits.cloudClockSkewMs)) return false
    this.#aheadMs = aheadMs
    return true
  }
}
