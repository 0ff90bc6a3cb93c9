// Where the sealed keys of an instance are stored, as an interface. It has two implementations: `database/` seals with a
// data key and stores the result in the database; `keyprotect/` has the root key wrap each key and stores the wrapped
// form as a standard key at the root key's service. test/core/custody/custody-contract.ts holds both to this contract.
// No code outside this folder asks which custody an instance has: it asks custodies.ts for the right one.

import type { MaybePromise } from '../../base/maybe-promise.ts'
import type { Material, Place } from '../sealing/envelope.ts'
import type { StoredItem } from '../sealing/integrity.ts'
import type { ObjectRecord, StoredObject } from '../ports/objects.ts'
import type { Change, Write } from '../ports/store.ts'
import type { RootKey, CorrelationIds } from '../ports/root-key.ts'
import type { CachingInstance } from '../sealing/unwrap-cache.ts'

export const custodyNames = ['database', 'keyprotect'] as const
export type CustodyName = (typeof custodyNames)[number]

/** The abilities that each custody needs of a root key. */
export const custodyNeeds: Record<CustodyName, { readonly standardKeys: boolean }> = {
  database: { standardKeys: false },
  keyprotect: { standardKeys: true },
}

/** An instance's settings, as far as custody needs them. */
export interface CustodyInstance extends CachingInstance {
  readonly name: string
  readonly custody: CustodyName
  readonly rootKeyUri: string
  /** Rises with each restore; a server whose epoch is not the highest may not write at the service. Absent: 0. */
  readonly epoch?: number
  /** Whether its objects may share Names; absent: they may not. */
  readonly names?: 'unique' | 'shared'
  readonly work?: {
    readonly kind: 'move' | 'rewrap'
    readonly id: string
    readonly fromRootKeyUri: string
    readonly fromCustody: CustodyName
  }
}

/** A stored form says this of its object besides its material, so that it can be restored without the database. */
export interface ObjectFacts {
  readonly algorithm: string | null
  /** Bits. */
  readonly length: number | null
  /** Cryptographic Usage Mask. */
  readonly mask: number | null
  readonly names: readonly { readonly value: string; readonly type: string }[]
  readonly closing: Closing | null
  /** Seconds since 1970. */
  readonly deactivationDate: number | null
  readonly restrictions: Restrictions
}

export interface Closing {
  readonly state: 'Deactivated' | 'Compromised'
  /** Seconds since 1970. */
  readonly at: number
  readonly occurredAt: number | null
  readonly reason: string | null
}

/** Restrictions of use (KMIP 1.4 §3.21, §3.48, §3.50). Counts are decimal texts: they may exceed 2^53. */
export interface Restrictions {
  readonly sensitive: boolean
  readonly extractable: boolean
  readonly usageLimits: { readonly unit: string; readonly total: string; readonly count: string } | null
}

/** An object as custody sees it. */
export interface StoredForm {
  readonly instanceId: string
  readonly uniqueIdentifier: string
  readonly objectType: string
  readonly version: number
  readonly sealed: Uint8Array | null
  readonly dataKeyId: string | null
  /** See StoredObject. */
  readonly isPutBack?: boolean | undefined
}

export interface SealOptions {
  readonly facts: ObjectFacts
  /** The object as it is stored now; left out for a new one. */
  readonly replaces?: StoredForm
  readonly correlationIds?: CorrelationIds
}

/** Where a new stored form is, for the record of its object. */
export interface NewPlace {
  readonly sealed: Uint8Array
  readonly dataKeyId: string | null
  /** 0 where there are no generations. The object's version never falls below it. */
  readonly generation: number
}

/** Material as `Custody.seal` stored it. */
export interface Sealed extends NewPlace {
  /** To be committed with the record. */
  readonly writes: readonly Write[]
  /** To be called if the record is not committed: deletes what was stored. Never throws. */
  abandon(): Promise<void>
}

/** Custody's part in a change of an object, besides its record. */
export interface Following {
  /** To be committed with the record. */
  readonly writes: readonly Write[]
  /**
   * To be awaited after the commit, before the change is answered. Throws RootKeyError, StoreConflict and
   * StoreUnavailable: then the change stands, and custody completes the rest by itself.
   */
  after(): Promise<void>
}

export const nothingFollows: Following = { writes: [], after: () => Promise.resolve() }

/** A change of one object. */
export interface Changing {
  readonly before: StoredForm
  /** The content of the stored form before the change. */
  readonly was: ObjectFacts
  /** The content after the change; null: the object is destroyed. */
  readonly facts: ObjectFacts | null
}

/** Long work on an instance, as its steps see it. Both methods throw once other work has replaced it. */
export interface LongWork {
  now(): Promise<unknown>
  commit(change: Pick<Change, 'writes' | 'entries'>): Promise<void>
}

export interface Custody {
  readonly name: CustodyName

  /** Whether it can store this material. The database stores what it cannot. */
  fits(material: Pick<Material, 'bytes' | 'head'>): boolean

  /** Stores a copy; the material is the caller's to wipe. Throws KeysUnavailable and CustodyRefused. */
  seal(instance: CustodyInstance, place: Place, material: Material, options: SealOptions): Promise<Sealed>

  /** Returns the material, which the caller wipes; from memory as far as the cache rule allows. Throws KeysUnavailable and CustodyRefused. */
  open(instance: CustodyInstance, object: StoredForm, correlationIds?: CorrelationIds): MaybePromise<Material>

  /**
   * Has the root key open the material now, even if memory has it. The caller wipes it. Throws KeysUnavailable, RootKeyError and
   * CustodyRefused.
   */
  openAnew(
    instance: CustodyInstance,
    object: StoredForm,
    correlationIds: CorrelationIds,
  ): MaybePromise<Material>

  /** Whether memory can open at least one of the instance's objects without an answer of the root key. */
  opensFromMemory(instance: CustodyInstance): boolean

  /** Throws RootKeyError if the object's owner deleted it at the root key's service. */
  requireThere(object: StoredForm, correlationIds: CorrelationIds): Promise<void>

  /** The writes for the commit after which the object is stored elsewhere. */
  leaving(object: StoredForm): readonly Write[]

  /** Whether the object is stored here and under this root key, as far as its stored form shows before it is opened. */
  isInPlace(object: Pick<StoredForm, 'sealed'>, rootKey: Pick<RootKey, 'uri' | 'id'>): boolean

  /** How many stored forms each version of the root key wrapped; empty where that is not known. */
  keyVersions(instance: CustodyInstance, rootKey: RootKey | undefined): Promise<ReadonlyMap<string, number>>

  /** The noun for what `keyVersions` counts. */
  readonly countedAs: 'key' | 'data key'

  /** Whether the owner can delete single keys at the root key's service. */
  readonly keepsKeysApart: boolean
}

/** A refusal that stays the same when the call is repeated. Its message is safe to show. */
export class CustodyRefused extends Error {
  override readonly name = 'CustodyRefused'
  /** 'altered': the stored form does not open. 'not-kept': the service refuses the key. 'fenced': another server owns it. */
  readonly why: 'altered' | 'not-kept' | 'fenced'
  constructor(why: CustodyRefused['why'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.why = why
  }
}

/** The object has a mark, which says that it was destroyed. Its rows hold material nevertheless. */
export class PutBack extends CustodyRefused {
  /** Integrity raises an alarm for errors with this mark. */
  readonly altered = true
  constructor() {
    super('altered', 'the key was destroyed, and its old rows were put back into the database')
  }
}

/** How Integrity names the stored form of an object. */
export function storedItem({ instanceId, uniqueIdentifier }: StoredForm): StoredItem {
  return { instanceId, kind: 'object', id: uniqueIdentifier }
}

export function alteredStoredForm(cause: Error): CustodyRefused {
  return new CustodyRefused('altered', 'the stored form of this object was altered: it does not open', {
    cause,
  })
}

/** Custody calls these functions of core/keys/, which owns the records of objects. */
export interface ObjectRecords {
  /** The content that the stored form of this object must have. */
  facts(record: ObjectRecord): ObjectFacts
  /**
   * Makes the write that brings an object to the state of the copy that counts: it changes the record, or adds one where there is
   * none. Leaves out Names that other objects have.
   */
  recordCopy(record: StoredObject | undefined, copy: FoundCopy): Promise<Write>
  /** Whether the material differs from the object's bytes, by the digest in its record; false where the record has no digest. */
  isOther(record: ObjectRecord, material: Pick<Material, 'bytes' | 'head'>): boolean
  /** Makes the write that stores the same object in another place. */
  moved(record: StoredObject, place: NewPlace): Write
}

export interface FoundCopy extends NewPlace {
  readonly instanceId: string
  readonly identifier: string
  readonly objectType: string
  readonly facts: ObjectFacts
  /** The furthest closing of all copies. */
  readonly closing: Closing | null
  /** Unix milliseconds. */
  readonly createdMs: number
}
