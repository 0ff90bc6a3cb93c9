// Standard keys of an object that were made and never counted, because their maker was interrupted or overtaken. To who
// restores the object without the database, a deleted standard key of a higher generation than the one that is there
// would be a revocation. So before such a one is deleted, the object's version is raised to its generation and the
// journal says so: no generation up to an object's version can come to count any more, unless it counts already.

import type { Access } from '../trust/access.ts'
import { fromRecord, toWrite } from '../managed-object.ts'
import { StoreConflict, type StandardKeyRecord, type Store } from '../ports.ts'
import { isPlace, unpackPlace } from './place.ts'
import { keepsJournal } from '../trust/rows.ts'
import type { Noting } from '../unit.ts'

export interface VoidGenerationsOptions {
  readonly store: Store
  readonly access: Pick<Access, 'instance'>
  readonly journal: () => Noting
}

export class VoidGenerations {
  readonly #options: VoidGenerationsOptions

  constructor(options: VoidGenerationsOptions) {
    this.#options = options
  }

  /**
   * Whether an unwanted standard key may be deleted at the service now. `settle`: what is in the way is done away with;
   * else false is told at once. Throws what the store and the journal throw.
   */
  async mayDelete(record: StandardKeyRecord, { settle }: { readonly settle: boolean }): Promise<boolean> {
    const { store, access, journal } = this.#options
    const { instanceId, kind, identifier, generation, standardKeyId } = record
    if (kind !== 'object') return true
    const stored = await store.object(instanceId, identifier)
    // It never came to be, or is destroyed; or all of the instance goes.
    if (!stored?.sealed) return true
    const instance = await access.instance(instanceId)
    if (!instance) return true
    const place = isPlace(stored.sealed) ? unpackPlace(stored.sealed) : undefined
    // Whatever the record says: this one counts.
    if (place && place.standardKeyId === standardKeyId) return false
    if (place ? place.generation > generation : stored.version >= generation) return true
    if (!settle) return false
    if (stored.version < generation) {
      const next = { ...fromRecord(stored), version: generation }
      try {
        await store.commit({
          expect: { objects: [{ instanceId, uniqueIdentifier: identifier, version: stored.version }] },
          writes: [{ ...toWrite(next), ...(keepsJournal(instance) && { journal: true }) }],
          entries: [],
          durability: 'disk',
        })
      } catch (error) {
        if (error instanceof StoreConflict) return false
        throw error
      }
    }
    if (place && keepsJournal(instance)) await journal().flush(instanceId)
    return true
  }
}
