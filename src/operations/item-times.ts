// How long each item of a batch took. Each moment is charged to one item, so that all of them together took as long as
// the batch.

import type { Clock } from '../ports/clock.ts'

export class ItemTimes {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #seconds: number[] = []
  /** Monotonic milliseconds up to which all is charged. */
  #chargedTo: number

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
    this.#chargedTo = clock.monotonic()
  }

  /** Charges the time since the last call to an item, beside what it was charged with before. */
  charge(index: number): void {
    const now = this.#clock.monotonic()
    this.#seconds[index] = this.secondsOf(index) + (now - this.#chargedTo) / 1000
    this.#chargedTo = now
  }

  secondsOf(index: number): number {
    return this.#seconds[index] ?? 0
  }
}
