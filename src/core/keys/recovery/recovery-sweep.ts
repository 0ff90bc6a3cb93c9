// Removes for good the material of destroyed objects whose delay is over, and stores the recovery clock. Runs once a minute; one
// of several nodes removes. If a run fails, for example because the disk is full, a later run completes it.

import { serverActor } from '../../audit/actor.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import { LeaseElsewhere, underLease, type Leases } from '../../ports/leases.ts'
import { StoreConflict, type Change, type Store } from '../../ports/store.ts'
import { closingOf } from '../../trust/closings.ts'
import type { Instance } from '../../trust/rows.ts'
import type { RecoveryClock } from '../object/recovery-clock.ts'

/** Interval of the removals of due material. */
export const recoveryLookEveryMs = 60_000
/** The objects whose material one commit removes. */
const recoveryRemovedTogether = 100

type Due = Awaited<ReturnType<Store['dueObjects']>>[number]

export class RecoverySweep {
  readonly #store: Pick<Store, 'commit' | 'dueObjects'>
  readonly #clock: Clock
  readonly #recovery: RecoveryClock
  readonly #leases: Pick<Leases, 'hold'>
  readonly #instances: () => Promise<readonly Instance[]>
  #timer: Timer | undefined
  #running: Promise<void> | null = null
  #stopped = false

  constructor({
    store,
    clock,
    recovery,
    leases,
    instances,
  }: {
    readonly store: Pick<Store, 'commit' | 'dueObjects'>
    readonly clock: Clock
    readonly recovery: RecoveryClock
    readonly leases: Pick<Leases, 'hold'>
    readonly instances: () => Promise<readonly Instance[]>
  }) {
    this.#store = store
    this.#clock = clock
    this.#recovery = recovery
    this.#leases = leases
    this.#instances = instances
  }

  /** Runs now and every minute. Calls `failed` with the error of a run. */
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

  /** Runs one sweep at a time. Throws StoreUnavailable. */
  look(): Promise<void> {
    this.#running ??= this.#look().finally(() => (this.#running = null))
    return this.#running
  }

  async #look(): Promise<void> {
    await this.#recovery.keep()
    while (!this.#stopped) {
      const due = await this.#due()
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

  /** Nothing of a closed instance is destroyed: its objects stay due, and those behind them are looked for. */
  async #due(): Promise<readonly Due[]> {
    const closed = new Set((await this.#instances()).filter(closingOf).map(({ id }) => id))
    for (let limit = recoveryRemovedTogether; ; limit *= 4) {
      const all = await this.#store.dueObjects(this.#recovery.now(), limit)
      const due = all.filter(({ instanceId }) => !closed.has(instanceId))
      if (due.length > 0 || all.length < limit) return due.slice(0, recoveryRemovedTogether)
    }
  }

  /** Returns false if one commit could not remove all of them. */
  async #remove(due: readonly Due[]): Promise<boolean> {
    try {
      await this.#store.commit(this.#removal(due))
      return true
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
      // One of them changed meanwhile, or was brought back: remove the others one by one.
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
