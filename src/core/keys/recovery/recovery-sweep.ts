// Removes for good the material of destroyed objects whose time to be brought back is over, and keeps the recovery clock.
// Looks once a minute; of several nodes one removes. What a look does not manage, because the disk is full for example, a
// later one does.

import { serverActor } from '../../audit/actor.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import { LeaseElsewhere, underLease, type Leases } from '../../ports/leases.ts'
import { StoreConflict, type Change, type Store } from '../../ports/store.ts'
import type { RecoveryClock } from '../object/recovery-clock.ts'

/** How often material that is due is removed. */
export const recoveryLookEveryMs = 60_000
/** Objects whose material one commit removes. */
const recoveryRemovedTogether = 100

type Due = Awaited<ReturnType<Store['dueObjects']>>[number]

export class RecoverySweep {
  readonly #store: Pick<Store, 'commit' | 'dueObjects'>
  readonly #clock: Clock
  readonly #recovery: RecoveryClock
  readonly #leases: Pick<Leases, 'hold'>
  #timer: Timer | undefined
  #running: Promise<void> | null = null
  #stopped = false

  constructor({
    store,
    clock,
    recovery,
    leases,
  }: {
    readonly store: Pick<Store, 'commit' | 'dueObjects'>
    readonly clock: Clock
    readonly recovery: RecoveryClock
    readonly leases: Pick<Leases, 'hold'>
  }) {
    this.#store = store
    this.#clock = clock
    this.#recovery = recovery
    this.#leases = leases
  }

  /** Looks now and every minute. Calls `failed` if a look failed. */
  start(failed: (error: unknown) => void): void {
    const look = () => void this.look().catch(failed)
    this.#timer = this.#clock.every(recoveryLookEveryMs, look)
    look()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#running?.catch(() => undefined)
  }

  /** One look at a time. Throws StoreUnavailable. */
  look(): Promise<void> {
    this.#running ??= this.#look().finally(() => (this.#running = null))
    return this.#running
  }

  async #look(): Promise<void> {
    await this.#recovery.keep()
    while (!this.#stopped) {
      const due = await this.#store.dueObjects(this.#recovery.now(), recoveryRemovedTogether)
      if (due.length === 0) return
      const lease = await this.#leases.hold('recovery')
      if (!lease) return
      try {
        if (!(await underLease(lease, () => this.#remove(due)))) return
      } catch (error) {
        if (error instanceof LeaseElsewhere) return
        throw error
      }
    }
  }

  /** false: not all of them together. */
  async #remove(due: readonly Due[]): Promise<boolean> {
    try {
      await this.#store.commit(this.#removal(due))
      return true
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
      // One of them was changed meanwhile, or brought back: the others by themselves.
      for (const one of due) await this.#store.commit(this.#removal([one])).catch(unlessConflict)
      return false
    }
  }

  #removal(due: readonly Due[]): Change {
    const atMs = this.#clock.now()
    return {
      expect: { objects: due },
      writes: due.map(({ instanceId, uniqueIdentifier }) => ({
        type: 'recoverable-removed',
        instanceId,
        uniqueIdentifier,
      })),
      entries: due.map(({ instanceId, uniqueIdentifier: object }) => ({
        atMs,
        action: 'key.erase',
        result: 'success',
        instanceId,
        object,
        actor: serverActor,
        reason: null,
        requestId: null,
        detail: null,
      })),
      durability: 'disk',
    }
  }
}

function unlessConflict(error: unknown): void {
  if (!(error instanceof StoreConflict)) throw error
}
