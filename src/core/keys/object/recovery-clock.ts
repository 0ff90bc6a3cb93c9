// The clock by which destroyed keys wait for their removal (`destroyDelaySeconds` of an instance). A change of the wall clock
// must not remove a key before its time: while the server runs, this clock follows monotonic time. Only for the time when the
// server was off does it read the wall clock. Then it counts a day at most, and never gets further than a day ahead of that
// clock. So a key may stay longer than its delay, but shorter only by a day at most. It starts at the wall clock's time, and
// stays there while the wall clock is right. The clock of the most advanced node counts for all nodes: a machine that was
// suspended is behind, and its deadlines would come too early on the node that removes.

import type { Clock } from '../../ports/clock.ts'
import type { RecoveryTime } from '../../ports/objects.ts'
import type { Store } from '../../ports/store.ts'

/** The most time while the server was off that counts towards a delay: the wall clock may be wrong. */
export const recoveryOffMsMax = 24 * 3600_000
/** Interval at which the recovery clock is stored. */
export const recoveryKeepEveryMs = 3600_000

/** The clock's time at a start, from its last stored time. */
export function resumed(kept: RecoveryTime | null, nowMs: number): number {
  if (!kept) return nowMs
  const mostMs = recoveryOffMsMax
  // A wall clock that is ahead at each start advances it by one day in all, not once a start.
  const roomMs = kept.atMs + mostMs - kept.ms
  return kept.ms + Math.max(0, Math.min(nowMs - kept.atMs, mostMs, roomMs))
}

export class RecoveryClock {
  readonly #store: Pick<Store, 'commit' | 'recoveryTime'>
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  /** The difference between this clock and monotonic time. */
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

  /** The time of this clock, but at least the latest time that any node has stored. */
  async latest(): Promise<number> {
    const { ms } = (await this.#store.recoveryTime()) ?? { ms: -Infinity }
    this.#aheadMs = Math.max(this.#aheadMs, ms - this.#clock.monotonic())
    return this.now()
  }

  /** The wall clock's time, to the second, at which this clock reaches `dueMs`. */
  until(dueMs: number): number {
    return Math.round((this.#clock.now() + dueMs - this.now()) / 1000) * 1000
  }

  /** Stores the clock's time, unless it did so recently. The next start continues from there. */
  async keep(): Promise<void> {
    const now = this.#clock.monotonic()
    if (now - this.#keptMs < recoveryKeepEveryMs) return
    const write = { type: 'recovery-clock', ms: await this.latest(), atMs: this.#clock.now() } as const
    await this.#store.commit({ writes: [write], entries: [], durability: 'disk' })
    this.#keptMs = now
  }
}
