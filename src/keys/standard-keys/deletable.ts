// Which standard keys of an object may be deleted now. To who restores it without the database a deleted one is a
// revocation by its owner, unless the journal says otherwise. So one that counted is deleted only when the journal names
// the generation that took its place. And one that never counted, because its maker was interrupted or overtaken, only
// after the object's version was raised to its generation and the journal says so: no generation between the one that it
// names and the object's version can come to count any more.

import type { Access } from '../../trust/access.ts'
import { fromRecord, toWrite } from '../managed-object.ts'
import { StoreConflict, type Store } from '../../ports/store.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import { isPlace, unpackPlace } from './place.ts'
import { keepsJournal, type Instance } from '../../trust/rows.ts'
import type { Noting } from '../unit.ts'

export interface DeletableOptions {
  readonly store: Store
  readonly access: Pick<Access, 'instance'>
  readonly journal: () => Noting
}

export class Deletable {
  readonly #options: DeletableOptions

  constructor(options: DeletableOptions) {
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
    // All of the instance goes, or the object is destroyed; or it never came to be, and nobody is about to make it.
    if (stored?.sealed === null) return true
    if (!stored) return !(await this.#isBegun(record))
    const instance = await access.instance(instanceId)
    if (!instance) return true
    const place = isPlace(stored.sealed) ? unpackPlace(stored.sealed) : undefined
    // Whatever the record says: this one counts.
    if (place && place.standardKeyId === standardKeyId) return false
    const replaced = place ? place.generation > generation : stored.version >= generation
    if (replaced && (await this.#isKnown(instance, identifier))) return true
    if (!settle) return false
    if (!replaced && stored.version < generation) {
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
    if (keepsJournal(instance)) await journal().flush(instanceId)
    return true
  }

  /** Another attempt at the same object is under way, or was cut off a moment ago. */
  async #isBegun({ instanceId, kind, identifier }: StandardKeyRecord): Promise<boolean> {
    const query = { instanceId, kind, identifier, state: 'intended', limit: 1 } as const
    return (await this.#options.store.standardKeys(query)).length > 0
  }

  async #isKnown(instance: Instance, identifier: string): Promise<boolean> {
    return !keepsJournal(instance) || this.#options.store.isJournaled(instance.id, identifier)
  }
}
