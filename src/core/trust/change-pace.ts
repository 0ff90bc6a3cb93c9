// Limits how often the parties of one instance change trusted rows: its clients, and tokens and people whose role is for it
// alone. After each change the requests under way are decided anew, those of other instances too, so nobody may change rows
// without a pause.

import type { Clock } from '../ports/clock.ts'

/** Changes of trusted rows by those of one instance: as many at once, and one more in this time. */
export const trustChangesAtOnce = 15
export const trustChangeEveryMs = 1_000

export class ChangePace {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** By instance or person: when it has its full number of changes again. Monotonic milliseconds. */
  readonly #restedAt = new Map<string, number>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Counts one change. Milliseconds by which it comes too early, and is not counted; 0: it may be made. */
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
