// Limits how often the parties of one instance change trusted rows: its clients, and tokens and people whose role covers only
// that instance. Each change makes all running requests decide again, also those of other instances, so changes need pauses.

import type { Clock } from '../ports/clock.ts'

/** Changes of trusted rows by the parties of one instance: how many at once, and the time after which one more is allowed. */
export const trustChangesAtOnce = 15
export const trustChangeEveryMs = 1_000

export class ChangePace {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** By instance or person: when its full number of changes is available again. Monotonic milliseconds. */
  readonly #restedAt = new Map<string, number>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Counts one change. Returns the milliseconds by which it comes too early, and then does not count it. 0: it is allowed. */
  take(party: string): number {
    const now = this.#clock.monotonic()
    for (const [name, at] of this.#restedAt) if (at <= now) this.#restedAt.delete(name)
    const restedAt = this.#restedAt.get(party) ?? now
    const early = restedAt - now - (trustChangesAtOnce - 1) * trustChangeEveryMs
    if (early > 0) return early
    this.#restedAt.set(party, restedAt + trustChangeEveryMs)
    return 0
  }
}
