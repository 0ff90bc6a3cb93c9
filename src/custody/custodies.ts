// The custodies that there are, and the only place that chooses between them: by an instance's settings for what is to be
// stored, by the stored form itself for what is stored already (while an instance moves, the two differ).

import type { Material, Place } from '../sealing/envelope.ts'
import type { RootKey, Trail } from '../ports/root-key.ts'
import { RootKeyError } from '../ports/root-key.ts'
import type {
  Changing,
  Custody,
  CustodyInstance,
  CustodyName,
  Following,
  Sealed,
  SealWanted,
  StoredForm,
} from './custody.ts'
import { DatabaseCustody } from './database/database-custody.ts'
import type { Write } from '../ports/store.ts'
import type { Renewed, RenewWanted } from './keyprotect/generations.ts'
import {
  KeyProtectCustody,
  type KeptStandardKeys,
  type KeyProtectCustodyOptions,
} from './keyprotect/keyprotect-custody.ts'
import { isStandardKeyRef } from './keyprotect/reference.ts'

export class Custodies {
  readonly database: DatabaseCustody
  readonly keyprotect: KeyProtectCustody

  constructor(options: KeyProtectCustodyOptions) {
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

  seal(instance: CustodyInstance, place: Place, material: Material, wanted: SealWanted): Promise<Sealed> {
    const custody = this.of(instance)
    return (custody.fits(material) ? custody : this.database).seal(instance, place, material, wanted)
  }

  open(instance: CustodyInstance, object: StoredForm, trail?: Trail): Promise<Material> {
    return this.holding(object).open(instance, object, trail)
  }

  openAnew(instance: CustodyInstance, object: StoredForm, trail: Trail): Promise<Material> {
    return this.holding(object).openAnew(instance, object, trail)
  }

  following(instance: CustodyInstance, changing: Changing): Following {
    return this.holding(changing.before).following(instance, changing)
  }

  /**
   * Opens what was just stored, whatever is in memory, and compares it: before what it replaces is given up. Throws
   * RootKeyError, also when something else comes out.
   */
  async prove(
    instance: CustodyInstance,
    object: StoredForm,
    { bytes }: Pick<Material, 'bytes'>,
    trail: Trail,
  ): Promise<void> {
    const { bytes: opened } = await this.openAnew(instance, object, trail)
    const same = bytes.equals(opened)
    opened.fill(0)
    if (!same) throw new RootKeyError('unreachable', 'the root key opens something else than it sealed')
  }

  /** Whether the object is stored where the instance's settings say. */
  isAtHome(
    instance: { readonly custody: CustodyName },
    object: Pick<StoredForm, 'sealed'>,
    rootKey: Pick<RootKey, 'uri' | 'id'>,
  ): boolean {
    return this.of(instance).isAtHome(object, rootKey)
  }

  // What follows is done for every instance. Where nothing of it is stored as standard keys, there is nothing to do.

  /** Completes at root keys' services what was begun there, from now on. `onFailure`: for bugs and outages of the store. */
  start(onFailure: (error: unknown) => void): void {
    this.keyprotect.sweep.start(onFailure)
  }

  stop(): Promise<void> {
    return this.keyprotect.sweep.stop()
  }

  /** Objects that another version than `newest` of this root key wrapped by itself. */
  outdated(instance: CustodyInstance, rootKeyUri: string, newest: string): AsyncIterable<string> {
    return this.keyprotect.outdated(instance, rootKeyUri, newest)
  }

  /** Has its root key wrap one of those anew. Throws as generations.ts says. */
  renew(instance: CustodyInstance, identifier: string, wanted: RenewWanted): Promise<Renewed> {
    return this.keyprotect.generations.renew(instance, identifier, wanted)
  }

  /** The object whose wrapped form is being opened for a client at this moment, or undefined. */
  opening(wrapped: Uint8Array): { readonly instanceId: string; readonly identifier: string } | undefined {
    return this.keyprotect.copies.opening(wrapped)
  }

  /** To be committed with the begin of a move to another root key or custody. */
  moving(
    before: CustodyInstance,
    to: Pick<CustodyInstance, 'custody' | 'rootKeyUri'>,
  ): Promise<readonly Write[]> {
    return this.keyprotect.moving(before, to)
  }

  /** Before anything of a move leaves, it is said at the root keys' services where it goes. Throws RootKeyError. */
  announce(instanceId: string): Promise<void> {
    return this.keyprotect.markers.settle(instanceId)
  }

  /** All of a move has arrived: what was left behind is deleted. Throws RootKeyError. */
  arrived(instance: CustodyInstance): Promise<void> {
    return this.keyprotect.arrived(instance)
  }

  /** To be committed with the deletion of an instance. */
  removing(instance: CustodyInstance): Promise<readonly Write[]> {
    return this.keyprotect.removing(instance)
  }

  /** Completes now what is due or to be deleted of one instance; the rest is tried again later. Never rejects. */
  clear(instanceId: string): Promise<void> {
    return this.keyprotect.sweep.clear(instanceId)
  }

  /** What is stored of an instance at root keys' services, whether or not it is wanted. */
  kept(instanceId: string): Promise<KeptStandardKeys> {
    return this.keyprotect.kept(instanceId)
  }
}
