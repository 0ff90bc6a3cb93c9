// The clock by which destroyed keys wait for their removal (`destroyDelaySeconds` of an instance). No setting of the wall
// clock makes a key leave before its time: while the server runs, this clock follows monotonic time. Only for the time when
// the server was off does it ask the wall clock, and then it counts a day at most, and gets no further than a day ahead of
// it. So a key may stay longer than its delay, never shorter by more than that. It begins as the wall clock, and in a server
// whose clock is right it stays that. Of several nodes the clock that is furthest counts for all: the one of a machine that was
// suspended is behind, and what was destroyed by it would be due too early at the node that removes.

import type { Clock } from '../../ports/clock.ts'
import type { RecoveryTime } from '../../ports/objects.ts'
import type { Store } from '../../ports/store.ts'

/** How much of the time when the server was off counts towards a delay: the wall clock may be wrong. */
export const recoveryOffMsMax = 24 * 3600_000
/** How often the recovery clock is stored. */
export const recoveryKeepEveryMs = 3600_000

/** How far the clock is at a start, from what was kept last. */
export function resumed(kept: RecoveryTime | null, nowMs: number): number {
  if (!kept) return nowMs
  const mostMs = recoveryOffMsMax
  // A wall clock that is ahead at each start brings it forward by a day in all, not each time.
  const roomMs = kept.atMs + mostMs - kept.ms
  return kept.ms + Math.max(0, Math.min(nowMs - kept.atMs, mostMs, roomMs))
}

export class RecoveryClock {
  readonly #store: Pick<Store, 'commit' | 'recoveryTime'>
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  /** The time of this clock less monotonic time. */
  #aheadMs: number
  #keptMs = -Infinity

  static async open(
    store: Pick<Store, 'commit' | 'recoveryTime'>,
    clock: Pick<Clock, 'now' | 'monotonic'>,
  ): Promise<RecoveryClock> {
    return new RecoveryClock(store, clock, resumed(await store.recoveryTime(), clock.now()))
  }

  private constructor(
    store: Pick<Store, 'commit' | 'recoveryTime'>,
    clock: Pick<Clock, 'now' | 'monotonic'>,
    startMs: number,
  ) {
    this.#store = store
    this.#clock = clock
    this.#aheadMs = startMs - clock.monotonic()
  }

  now(): number {
    return Math.floor(this.#clock.monotonic() + this.#aheadMs)
  }

  /** The same, and no less than any node has kept. */
  async latest(): Promise<number> {
    const { ms } = (await this.#store.recoveryTime()) ?? { ms: -Infinity }
    this.#aheadMs = Math.max(this.#aheadMs, ms - this.#clock.monotonic())
    return this.now()
  }

  /** When something is due by this clock, in the time of the wall clock, to the second. */
  until(dueMs: number): number {
    return Math.round((this.#clock.now() + dueMs - this.now()) / 1000) * 1000
  }

  /** Stores how far the clock is, unless it did so not long ago. The next start goes on from there. */
  async keep(): Promise<void> {
    const now = this.#clock.monotonic()
    if (now - this.#keptMs < recoveryKeepEveryMs) return
    const write = { type: 'recovery-clock', ms: await this.latest(), atMs: this.#clock.now() } as const
    await this.#store.commit({ writes: [write], entries: [], durability: 'disk' })
    this.#keptMs = now
  }
}
