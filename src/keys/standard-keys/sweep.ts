// One walk over the standard keys that are to be deleted at their service, of all instances or of one: those that
// nobody wants any more, and those that were begun long ago and never used. A root key that does not answer is not asked
// again in it. How one is deleted, and when a walk is begun, is keeper.ts.

import { limits } from '../../limits.ts'
import type { Clock } from '../../ports/clock.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import type { Store } from '../../ports/store.ts'
import { RootKeyError, type StandardKeys } from '../../ports/root-key.ts'
import { standardKeyPages } from './pages.ts'
import { attemptOf, readDescription } from './place.ts'
import type { StandardKeyTroubles } from './troubles.ts'

export interface SweepParts {
  readonly store: Pick<Store, 'standardKeys'>
  readonly clock: Pick<Clock, 'now'>
  readonly troubles: StandardKeyTroubles
  /** Whether there is no such instance any more. */
  readonly isGone: (instanceId: string) => Promise<boolean>
  /** One that was begun and not used: who comes to use it after this is refused. */
  readonly giveUp: (record: StandardKeyRecord) => Promise<void>
  /** false: it is tried again later. */
  readonly remove: (record: StandardKeyRecord, search: Search) => Promise<boolean>
  /** Ids of those that this attempt made and that are not deleted. */
  readonly search: (shelf: StandardKeys, record: StandardKeyRecord) => Promise<readonly string[]>
  /** It could not be deleted. */
  readonly left: (record: StandardKeyRecord, error: unknown) => void
}

export type Search = (shelf: StandardKeys) => Promise<readonly string[]>

export interface SweepReport {
  deleted: number
  /** To be tried again. */
  left: number
}

const pageRecords = 200
const deletedAtOnce = 8
/** Searches of one sweep; for more it reads a list. */
const searchesMax = 4

export class Sweep {
  readonly report: SweepReport = { deleted: 0, left: 0 }
  /** Instances of which something was deleted. */
  readonly touched = new Set<string>()
  readonly #parts: SweepParts
  readonly #instanceId: string | undefined
  /** Root keys that did not answer, with why. */
  readonly #away = new Map<string, unknown>()
  /** Those that were left before and are not there any more, until they are seen. */
  readonly #unseen: Map<string, Pick<StandardKeyRecord, 'id' | 'instanceId'>>
  /** By where a standard key is. */
  readonly #searches = new Map<string, number>()
  readonly #listings = new Map<string, Promise<ReadonlyMap<string, readonly string[]>>>()

  /** `instanceId`: of this one alone. */
  constructor(parts: SweepParts, instanceId?: string) {
    this.#parts = parts
    this.#instanceId = instanceId
    const known = parts.troubles.allLeft.filter(
      (record) => instanceId === undefined || record.instanceId === instanceId,
    )
    this.#unseen = new Map(known.map((record) => [record.id, record]))
  }

  async run(): Promise<void> {
    await this.#tellOwed()
    for (const state of ['unwanted', 'intended'] as const)
      for await (const page of this.#pages(state))
        for (let at = 0; at < page.length; at += deletedAtOnce)
          await Promise.all(page.slice(at, at + deletedAtOnce).map((record) => this.#one(record)))
    // Another node was quicker.
    for (const record of this.#unseen.values()) this.#parts.troubles.gone(record)
  }

  /** What instances that are gone have left is told before anything is tried: nobody else speaks of them. */
  async #tellOwed(): Promise<void> {
    const gone = new Map<string, boolean>()
    for await (const page of this.#pages('unwanted')) {
      for (const { instanceId } of page)
        if (!gone.has(instanceId)) gone.set(instanceId, await this.#parts.isGone(instanceId))
      // Of one whose making was not answered it is not known whether it is there.
      for (const record of page)
        if (record.standardKeyId !== null && gone.get(record.instanceId) === true)
          this.#parts.troubles.owed(record)
    }
  }

  #pages(state: StandardKeyRecord['state']): AsyncGenerator<readonly StandardKeyRecord[]> {
    const of = this.#instanceId === undefined ? {} : { instanceId: this.#instanceId }
    return standardKeyPages(this.#parts.store, { ...of, state, limit: pageRecords })
  }

  async #one(record: StandardKeyRecord): Promise<void> {
    const { clock, troubles, giveUp, remove, left } = this.#parts
    this.#unseen.delete(record.id)
    const { instanceId, state, createdMs } = record
    if (state === 'intended' && clock.now() - createdMs < limits.standardKeyGivenUpMs) return
    const where = whereOf(record)
    if (this.#away.has(where)) {
      this.report.left++
      left(record, this.#away.get(where))
      return
    }
    try {
      if (state === 'intended') await giveUp(record)
      if (await remove(record, (shelf) => this.#search(shelf, record))) {
        this.report.deleted++
        this.touched.add(instanceId)
      } else {
        this.report.left++
        troubles.gone(record)
      }
    } catch (error) {
      this.report.left++
      // A search that fails says nothing of those whose ids are known.
      const isAway = error instanceof RootKeyError && ['unreachable', 'root-key'].includes(error.reach)
      if (isAway && record.standardKeyId !== null) this.#away.set(where, error)
      left(record, error)
    }
  }

  /** Many are looked for in one list of all there are. */
  async #search(shelf: StandardKeys, record: StandardKeyRecord): Promise<readonly string[]> {
    const where = whereOf(record)
    const before = this.#searches.get(where) ?? 0
    this.#searches.set(where, before + 1)
    if (before < searchesMax) return this.#parts.search(shelf, record)
    const listing = this.#listings.get(where) ?? listOurs(shelf)
    this.#listings.set(where, listing)
    return (await listing).get(attemptOf(record)) ?? []
  }
}

/** Ids by attempt, of all that are ours and not deleted. */
async function listOurs(shelf: StandardKeys): Promise<ReadonlyMap<string, readonly string[]>> {
  const ids = new Map<string, string[]>()
  for await (const page of shelf.list('mortise-', { deleted: false }))
    for (const { id, description } of page) {
      const attempt = readDescription(description)?.attempt
      if (attempt !== undefined) ids.set(attempt, [...(ids.get(attempt) ?? []), id])
    }
  return ids
}

function whereOf({ instanceId, rootKeyUri }: StandardKeyRecord): string {
  return JSON.stringify([instanceId, rootKeyUri])
}
