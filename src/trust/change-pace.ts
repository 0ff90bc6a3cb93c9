// How often those who belong to one instance alone change trusted rows: its clients, and tokens and people with a role in it. After each
// change the requests that are under way are decided anew, those of other instances too, so nobody may make one after the other.

import { limits } from '../limits.ts'
import type { Clock } from '../ports/clock.ts'

export class ChangePace {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** When those of an instance, or a person, may make as many changes at once as ever. Monotonic milliseconds. */
  readonly #restedAt = new Map<string, number>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Counts one change. Milliseconds by which it comes too early, and is not counted; 0: it may be made. */
  take(party: string): number {
    const now = this.#clock.monotonic()
    for (const [name, at] of this.#restedAt) if (at <= now) this.#restedAt.delete(name)
    const restedAt = this.#restedAt.get(party) ?? now
    const early = restedAt - now - (limits.trustChangesAtOnce - 1) * limits.trustChangeEveryMs
    if (early > 0) return early
    this.#restedAt.set(party, restedAt + limits.trustChangeEveryMs)
    return 0
  }
}
