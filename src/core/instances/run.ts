// One run of long work on an instance, as its steps see it: the current instance, commits that fail once other work has replaced
// this one, a loop over many items, progress, and the reasons to stop.

import type { Access } from '../trust/access.ts'
import { serverActor } from '../audit/actor.ts'
import { StoreConflict, type Change, type Store } from '../ports/store.ts'
import type { AuditEntry } from '../ports/audit.ts'
import type { Clock } from '../ports/clock.ts'
import type { Lease } from '../ports/leases.ts'
import { namedCalls } from '../audit/correlation-ids.ts'
import type { CorrelationIds } from '../ports/root-key.ts'
import { closingOf } from '../trust/closings.ts'
import type { Instance, InstanceWork } from '../trust/rows.ts'

/** Objects that long work on an instance (move or rewrap) processes concurrently. */
const instanceWorkAtOnce = 8

/** Other work has replaced this one, another node does it now, or the server is stopping. */
export class WorkOver extends Error {
  override readonly name = 'WorkOver'
}

/** The result of a step for one item. `left`: the item does not open, and this server cannot change that. */
export type ItemResult = 'done' | 'nothing' | 'left'

export interface WorkProgress {
  readonly done: number
  readonly total: number
  /** Why the work is at a standstill, for people; null while it proceeds. */
  readonly trouble: string | null
}

export interface WorkPlace {
  readonly store: Store
  readonly clock: Clock
  readonly access: Pick<Access, 'snapshot'>
  readonly signal: AbortSignal
  /** Left out for steps that need no lease. */
  readonly lease?: Lease
}

export class WorkRun {
  readonly instanceId: string
  /** null: a single step on an instance that has no long work. */
  readonly work: InstanceWork | null
  readonly store: Store
  /** The count of data keys and objects that are in place, and of all of them. */
  readonly counts = { done: 0, total: 0 }
  trouble: string | null = null
  readonly #place: WorkPlace

  constructor(place: WorkPlace, instanceId: string, work: InstanceWork | null) {
    this.#place = place
    this.store = place.store
    this.instanceId = instanceId
    this.work = work
  }

  get progress(): WorkProgress {
    const { done, total } = this.counts
    // Objects that clients made meanwhile are done without being part of the total.
    return { done: Math.min(done, total), total, trouble: this.trouble }
  }

  /** The instance as it is now, while this work is still its own. Throws WorkOver. */
  async now(): Promise<{ readonly instance: Instance; readonly trustVersion: number }> {
    if (this.#place.signal.aborted) throw new WorkOver('the server stops')
    if (this.#place.lease?.isHeld() === false) throw new WorkOver('another node has the lease of this work')
    const { tables, version } = await this.#place.access.snapshot()
    const instance = tables.instance.get(this.instanceId)
    if (!instance || instance.work?.id !== this.work?.id) throw new WorkOver('the work was replaced')
    if (closingOf(instance)) throw new WorkOver('the instance is closed')
    return { instance, trustVersion: version }
  }

  /**
   * Commits only while this work is still the instance's: after other work has replaced it, nothing may move to its target.
   * Throws WorkOver, and every error of a commit.
   */
  async commit(
    change: Pick<Change, 'writes' | 'entries'> & { readonly expect?: Change['expect'] },
  ): Promise<void> {
    for (;;) {
      const { trustVersion } = await this.now()
      try {
        const expect = { ...change.expect, trustVersion }
        await this.store.commit({ ...change, expect, durability: 'disk' })
        return
      } catch (error) {
        if (!(error instanceof StoreConflict) || error.what !== 'trust') throw error
      }
    }
  }

  /**
   * Takes the step for each item, several at a time. Returns how many were done, and how many had to be left. After a failure it
   * waits for the steps in progress, then throws the first failure.
   */
  async each<T>(
    items: AsyncIterable<T>,
    step: (item: T) => Promise<ItemResult>,
  ): Promise<{ readonly done: number; readonly left: number }> {
    const counts = { done: 0, left: 0 }
    const running = new Set<Promise<void>>()
    const failures: unknown[] = []
    const take = async (item: T) => {
      try {
        const result = await step(item)
        if (result !== 'nothing') counts[result]++
        if (result === 'done') this.progressed()
      } catch (error) {
        failures.push(error)
      }
    }
    const begin = (item: T) => {
      const one = take(item).finally(() => running.delete(one))
      running.add(one)
    }
    try {
      for await (const item of items) {
        if (running.size >= instanceWorkAtOnce) await Promise.race(running)
        if (failures.length > 0) break
        await this.now()
        begin(item)
      }
    } finally {
      await Promise.all(running)
    }
    if (failures.length > 0) throw failures[0]
    return counts
  }

  /** Counts a finished item, and clears the trouble. */
  progressed(): void {
    this.counts.done++
    this.trouble = null
  }

  /** The audit entry of a step of this work on one object or data key. */
  entry(
    action: 'key.reseal' | 'data-key.remove',
    object: string,
    detail: Readonly<Record<string, string | number>>,
    correlationIds?: CorrelationIds,
  ): AuditEntry {
    return {
      atMs: this.#place.clock.now(),
      action,
      result: 'success',
      instanceId: this.instanceId,
      object,
      actor: serverActor,
      reason: null,
      requestId: null,
      detail: {
        ...(this.work && { work: this.work.id }),
        ...detail,
        ...(correlationIds && namedCalls(correlationIds)),
      },
    }
  }
}
