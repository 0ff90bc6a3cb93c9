// The turns of some work, and how long the work took in them: what passes between two turns belongs to others.

import { andThen, type MaybePromise } from '../../base/maybe-promise.ts'
import type { Turns } from '../../base/parts.ts'

export class TimedTurns implements Turns {
  readonly #turns: Turns
  readonly #now: () => number
  #usedMs = 0
  #sinceMs: number

  /** The work begins within a turn. `now`: monotonic milliseconds. */
  constructor(turns: Turns, now: () => number) {
    this.#turns = turns
    this.#now = now
    this.#sinceMs = now()
  }

  get spent(): boolean {
    return this.#turns.spent
  }

  turn(): MaybePromise<void> {
    this.#usedMs += this.#now() - this.#sinceMs
    this.#sinceMs = Infinity
    return andThen(this.#turns.turn(), () => {
      this.#sinceMs = this.#now()
    })
  }

  /** The work is over, or no turn came. Returns how many milliseconds it took. */
  end(): number {
    return this.#usedMs + Math.max(0, this.#now() - this.#sinceMs)
  }
}
