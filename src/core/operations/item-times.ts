// How long each item of a batch took, for metrics.

import type { Clock } from '../ports/clock.ts'

/** Measures how long each item took. Each moment counts for one item, so the sum is the time of the batch. */
export class ItemTimes {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #seconds: number[] = []
  /** All time up to this moment is charged, in monotonic milliseconds. */
  #chargedTo: number

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
    this.#chargedTo = clock.monotonic()
  }

  /** Adds the time since the last call to an item's time. */
  charge(index: number): void {
    const now = this.#clock.monotonic()
    this.#seconds[index] = this.secondsOf(index) + (now - this.#chargedTo) / 1000
    this.#chargedTo = now
  }

  secondsOf(index: number): number {
    return this.#seconds[index] ?? 0
  }
}
