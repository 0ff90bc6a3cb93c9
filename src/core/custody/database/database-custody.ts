// Custody `database`: objects are sealed by the data key of their instance, and the result is part of their record. The
// root key seals data keys alone (keyring.ts).

import {
  EnvelopeError,
  openMaterial,
  sealMaterial,
  type DataKey,
  type Material,
  type Place,
} from '../../sealing/envelope.ts'
import { andThen, orElse, type MaybePromise } from '../../../base/maybe-promise.ts'
import type { Keyring } from '../../sealing/keyring.ts'
import type { Store } from '../../ports/store.ts'
import type { RootKey, CorrelationIds } from '../../ports/root-key.ts'
import {
  alteredStoredForm,
  storedItem,
  type Custody,
  type CustodyInstance,
  type Sealed,
  type SealOptions,
  type StoredForm,
} from '../custody.ts'
import { isStandardKeyRef } from '../keyprotect/reference.ts'

export class DatabaseCustody implements Custody {
  readonly name = 'database'
  readonly countedAs = 'data key'
  readonly keepsKeysApart = false
  readonly #store: Pick<Store, 'dataKeys'>
  readonly #keyring: Keyring

  constructor({ store, keyring }: { readonly store: Pick<Store, 'dataKeys'>; readonly keyring: Keyring }) {
    this.#store = store
    this.#keyring = keyring
  }

  fits(): boolean {
    return true
  }

  async seal(
    instance: CustodyInstance,
    place: Place,
    material: Material,
    { correlationIds }: SealOptions,
  ): Promise<Sealed> {
    const dataKey = await this.#keyring.current(instance, correlationIds)
    const sealed = sealMaterial(dataKey, place, material)
    return { sealed, dataKeyId: dataKey.id, generation: 0, writes: [], abandon: () => Promise.resolve() }
  }

  open(
    instance: CustodyInstance,
    object: StoredForm,
    correlationIds?: CorrelationIds,
  ): MaybePromise<Material> {
    const { instanceId, uniqueIdentifier: identifier, objectType, sealed, dataKeyId } = object
    if (sealed === null) throw new Error(`object ${identifier} has no material`)
    const place: Place = { purpose: 'object', instanceId, identifier, objectType }
    const open = (dataKey: DataKey | undefined) =>
      this.#keyring.integrity.openingNow(storedItem(object), () => {
        if (!dataKey) throw new EnvelopeError('sealed material names no data key')
        return openMaterial(dataKey, place, sealed)
      })
    return orElse(
      // This call stands outside `openingNow`: a data key that does not open raises an alarm of its own.
      () =>
        andThen(
          dataKeyId === null ? undefined : this.#keyring.byId(instance, dataKeyId, correlationIds),
          open,
        ),
      (error) => {
        throw error instanceof EnvelopeError ? alteredStoredForm(error) : error
      },
    )
  }

  /** Opens as `open` does: only the data key could be fresher, and the cache rule bounds its age. */
  openAnew(
    instance: CustodyInstance,
    object: StoredForm,
    correlationIds: CorrelationIds,
  ): MaybePromise<Material> {
    return this.open(instance, object, correlationIds)
  }

  opensFromMemory(instance: CustodyInstance): boolean {
    return this.#keyring.has(instance)
  }

  async requireThere(): Promise<void> {}

  leaving() {
    return []
  }

  /** Ignores the root key: data keys move on their own. */
  isInPlace({ sealed }: Pick<StoredForm, 'sealed'>): boolean {
    return !isStandardKeyRef(sealed)
  }

  async keyVersions(
    { id }: CustodyInstance,
    rootKey: RootKey | undefined,
  ): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    if (!rootKey?.versions) return counts
    for (const { wrapped, rootKeyUri } of await this.#store.dataKeys(id)) {
      const version = rootKeyUri === rootKey.uri ? rootKey.versions.of(wrapped) : ''
      counts.set(version, (counts.get(version) ?? 0) + 1)
    }
    return counts
  }
}
