// Chooses between the custodies; nothing else does. The instance's settings decide where a new object is stored; the stored
// form itself says where an existing one is (while an instance moves, the two differ).

import type { Material, Place } from '../sealing/envelope.ts'
import type { RootKey, CorrelationIds } from '../ports/root-key.ts'
import { RootKeyError } from '../ports/root-key.ts'
import type { Integrity } from '../sealing/integrity.ts'
import {
  PutBack,
  type Changing,
  type Custody,
  type CustodyInstance,
  type CustodyName,
  type Following,
  type LongWork,
  type Sealed,
  type SealOptions,
  type StoredForm,
} from './custody.ts'
import type { MaybePromise } from '../../base/maybe-promise.ts'
import { DatabaseCustody } from './database/database-custody.ts'
import type { Leases } from '../ports/leases.ts'
import type { Write } from '../ports/store.ts'
import type { Renewed, RenewOptions } from './keyprotect/generations.ts'
import {
  KeyProtectCustody,
  type KeptStandardKeys,
  type KeyProtectCustodyOptions,
} from './keyprotect/keyprotect-custody.ts'
import { isStandardKeyRef } from './keyprotect/reference.ts'

export class Custodies {
  readonly database: DatabaseCustody
  readonly keyprotect: KeyProtectCustody
  readonly #integrity: Integrity

  constructor(options: KeyProtectCustodyOptions) {
    this.#integrity = options.keyring.integrity
    this.database = new DatabaseCustody(options)
    this.keyprotect = new KeyProtectCustody(options)
  }

  /** Where new objects of the instance are stored. */
  of({ custody }: { readonly custody: CustodyName }): Custody {
    return this[custody]
  }

  /** Where this object is stored. */
  holding({ sealed }: Pick<StoredForm, 'sealed'>): Custody {
    return isStandardKeyRef(sealed) ? this.keyprotect : this.database
  }

  seal(instance: CustodyInstance, place: Place, material: Material, options: SealOptions): Promise<Sealed> {
    const custody = this.of(instance)
    return (custody.fits(material) ? custody : this.database).seal(instance, place, material, options)
  }

  open(
    instance: CustodyInstance,
    object: StoredForm,
    correlationIds?: CorrelationIds,
  ): MaybePromise<Material> {
    this.#refusePutBack(object)
    return this.holding(object).open(instance, object, correlationIds)
  }

  openAnew(
    instance: CustodyInstance,
    object: StoredForm,
    correlationIds: CorrelationIds,
  ): MaybePromise<Material> {
    this.#refusePutBack(object)
    return this.holding(object).openAnew(instance, object, correlationIds)
  }

  /** Raises an alarm. Returns the error with which the object does not open. */
  notePutBack({
    instanceId,
    uniqueIdentifier: id,
  }: Pick<StoredForm, 'instanceId' | 'uniqueIdentifier'>): unknown {
    return this.#integrity.failed({ instanceId, kind: 'object', id }, new PutBack())
  }

  /** Refuses it even where memory could open it. Throws PutBack, after an alarm. */
  #refusePutBack(object: StoredForm): void {
    const { uniqueIdentifier: identifier, isPutBack } = object
    if (isPutBack === undefined)
      throw new Error(`the object ${identifier} was read in a list: read it by itself before it is opened`)
    if (isPutBack) throw this.notePutBack(object)
  }

  /** Whether memory can open at least one object of the instance while its root key cannot be reached. */
  opensFromMemory(instance: CustodyInstance): boolean {
    const names = instance.work ? [instance.custody, instance.work.fromCustody] : [instance.custody]
    return names.some((custody) => this[custody].opensFromMemory(instance))
  }

  /** Prepares what follows a change of an object at a root key's service: a closing to record, or material to give up. */
  following(instance: CustodyInstance, changing: Changing): Following {
    const isHere = isStandardKeyRef(changing.before.sealed)
    return this.keyprotect[isHere ? 'following' : 'followingLeft'](instance, changing)
  }

  /**
   * Opens a stored object without the cache and compares the bytes, before the old stored form is deleted. Throws RootKeyError,
   * also if the bytes differ.
   */
  async prove(
    instance: CustodyInstance,
    object: StoredForm,
    { bytes }: Pick<Material, 'bytes'>,
    correlationIds: CorrelationIds,
  ): Promise<void> {
    const { bytes: opened } = await this.openAnew(instance, object, correlationIds)
    const same = bytes.equals(opened)
    opened.fill(0)
    if (!same) throw new RootKeyError('unreachable', 'the root key opens something else than it sealed')
  }

  /** Whether the object is stored where the instance's settings say. */
  isInPlace(
    instance: { readonly custody: CustodyName },
    object: Pick<StoredForm, 'sealed'>,
    rootKey: Pick<RootKey, 'uri' | 'id'>,
  ): boolean {
    return this.of(instance).isInPlace(object, rootKey)
  }

  // The methods below are called for every instance. They do nothing for one that has no standard keys.

  /** Starts the sweep of interrupted work at root keys' services, which one node does. `onFailure`: called with bugs and store outages. */
  start(onFailure: (error: unknown) => void, leases: Pick<Leases, 'hold'>): void {
    this.keyprotect.sweep.start(onFailure, leases)
  }

  stop(): Promise<void> {
    return this.keyprotect.sweep.stop()
  }

  /** Objects that another version than `newest` of this root key wrapped by itself. */
  outdated(instance: CustodyInstance, rootKeyUri: string, newest: string): AsyncIterable<string> {
    return this.keyprotect.outdated(instance, rootKeyUri, newest)
  }

  /** Stores the next generation of such an object. Throws as Generations.renew does. */
  renew(instance: CustodyInstance, identifier: string, options: RenewOptions): Promise<Renewed> {
    return this.keyprotect.generations.renew(instance, identifier, options)
  }

  /** The object whose wrapped form is being opened for a client at this moment, or undefined. */
  opening(wrapped: Uint8Array): { readonly instanceId: string; readonly identifier: string } | undefined {
    return this.keyprotect.copies.opening(wrapped)
  }

  /** The writes that the commit which begins a move must contain. */
  moving(
    before: CustodyInstance,
    to: Pick<CustodyInstance, 'custody' | 'rootKeyUri'>,
  ): Promise<readonly Write[]> {
    return this.keyprotect.moving(before, to)
  }

  /** Stores the markers that say where a move goes, before any key leaves. Throws RootKeyError. */
  announce(instance: CustodyInstance): Promise<void> {
    return this.keyprotect.announce(instance)
  }

  /** Deletes what a move left behind, once all keys have arrived. Throws RootKeyError, and every error of `work`. */
  arrived(instance: CustodyInstance, work: LongWork): Promise<void> {
    return this.keyprotect.arrived(instance, work)
  }

  /** The writes that the commit which deletes an instance must contain. */
  removing(instance: CustodyInstance): Promise<readonly Write[]> {
    return this.keyprotect.removing(instance)
  }

  /** Completes what is due for one instance and deletes what is unwanted; the sweep retries the rest. Never rejects. */
  clear(instanceId: string): Promise<void> {
    return this.keyprotect.sweep.clear(instanceId)
  }

  /** Called after the rows of standard keys were removed: this node stops reporting them. The other nodes read the rows within a minute. */
  forgotten(): Promise<void> {
    return this.keyprotect.sweep.forgetGone()
  }

  /** Counts the standard keys of an instance at root keys' services. Unwanted ones count too. */
  kept(instanceId: string): Promise<KeptStandardKeys> {
    return this.keyprotect.kept(instanceId)
  }
}
