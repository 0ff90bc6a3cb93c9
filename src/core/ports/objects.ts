// Managed objects as the store keeps them. The comments are contracts; the store contract test holds every
// implementation to them. No logic here.

import type { MaybePromise } from '../../base/maybe-promise.ts'

/** One managed object. The store never reuses its identity, the pair (instanceId, uniqueIdentifier). */
export interface ObjectRecord {
  readonly instanceId: string
  readonly uniqueIdentifier: string
  /** KMIP object type, spelled as in the specification: SymmetricKey, SecretData, OpaqueObject. */
  readonly objectType: string
  /** As last stored. core/keys/object/lifecycle.ts derives states that depend on the clock when it reads the object. */
  readonly state: string
  /** 1 when created, plus one with each change. Every change states it as its precondition. */
  readonly version: number
  /** Creation time, milliseconds since 1970. Several objects may share it: `sequence` has their order. */
  readonly createdMs: number
  /** All attributes, encoded by wire/kmip/attributes. */
  readonly attributes: Uint8Array
  /** The sealed material, or a reference to it; null once destroyed. Only custody reads it. */
  readonly sealed: Uint8Array | null
  /** The data key that sealed it; null if none did, and once destroyed. */
  readonly dataKeyId: string | null
  /** Only of a destroyed object that can still be brought back. Left out: there is nothing to bring back. */
  readonly recoverable?: Recoverable | undefined
}

/** A destroyed object as it was, while it can still be brought back. */
export interface Recoverable {
  /** Its sealed material, which nothing opens while it waits. */
  readonly sealed: Uint8Array
  readonly dataKeyId: string | null
  /** Its state before it was destroyed. */
  readonly state: string
  /** The material is removed for good when the recovery clock (core/keys/object/recovery-clock.ts) reaches this. */
  readonly dueMs: number
}

/** An object as read, with its place in the order of creation and the time of the last Get. */
export interface StoredObject extends ObjectRecord {
  /** Rises with each object of the store, and stays the object's. The store assigns it. Locate goes by it, newest first. */
  readonly sequence: number
  readonly lastFetchedMs: number | null
  /** The store gives these same bytes again while nothing changes: what they unpack to is worth remembering. */
  readonly isRemembered?: true
  /**
   * A mark says that it is destroyed, and its rows have material all the same: somebody put old rows back. Nothing may open it.
   * Left out: not known, since it was read in a list. It must be read by itself before it is opened.
   */
  readonly isPutBack?: boolean | undefined
}

/** One searchable attribute value of an object. The store compares `key` and `value` byte for byte. */
export interface IndexEntry {
  readonly key: string
  readonly value: string
}

/** The moments when the clock moves an object on from its stored state, in whole seconds since 1970; null: never. */
export interface ClockSteps {
  /** From PreActive to Active. */
  readonly activates: number | null
  /** From Active to Deactivated. Not before `activates`. */
  readonly deactivates: number | null
}

export interface ObjectQuery {
  readonly instanceId: string
  /** The object must have all of them. The store may use just one to narrow the search; the caller compares again. */
  readonly index?: readonly IndexEntry[]
  readonly includeDestroyed?: boolean
  /** Only objects with a smaller sequence: the next page. */
  readonly beforeSequence?: number
  readonly limit: number
}

export type ObjectWrite =
  /**
   * Inserts or replaces an object and its index entries. `names` are unique per instance among live objects: otherwise
   * StoreConflict('name'), unless others may have those that it adds (`namesShared`). A destroyed object lives again only with the very material that waited: otherwise StoreConflict('object').
   */
  | {
      readonly type: 'object'
      readonly record: ObjectRecord
      readonly names: readonly string[]
      readonly namesShared?: boolean
      readonly index: readonly IndexEntry[]
      /** `ObjectStore.objectCounts` uses them. Left out: the clock changes nothing. */
      readonly clockSteps?: ClockSteps
    }
  /** Records when the material was sent. */
  | {
      readonly type: 'fetched'
      readonly instanceId: string
      readonly uniqueIdentifier: string
      readonly atMs: number
    }
  /**
   * Erases for good what waits to be brought back: of one object, or of all of the instance. Does nothing where nothing
   * waits. The records stay as they are.
   */
  | {
      readonly type: 'recoverable-removed'
      readonly instanceId: string
      readonly uniqueIdentifier?: string
    }
  /** Replaces how far the recovery clock is, and the time of the wall clock then. */
  | ({ readonly type: 'recovery-clock' } & RecoveryTime)
  /** Counts an object that was adopted because a client asked for it. */
  | { readonly type: 'adopted-on-demand'; readonly instanceId: string; readonly atMs: number }

/** How far the recovery clock was when the wall clock showed `atMs`. */
export interface RecoveryTime {
  readonly ms: number
  readonly atMs: number
}

/** How many objects of an instance can be brought back, and when the first and the last of them are due (null: none). */
export interface RecoverableCount {
  readonly count: number
  readonly firstDueMs: number | null
  readonly lastDueMs: number | null
}

/** Counts what an instance adopted from its upstream because clients asked for it. */
export interface AdoptedOnDemand {
  readonly count: number
  /** null: nothing yet. */
  readonly lastMs: number | null
}

/** How much an instance holds. */
export interface Usage {
  /** The number of objects that are not destroyed, and of destroyed ones that can still be brought back. */
  readonly objects: number
  /**
   * The bytes of its objects in the store: attributes, index entries, sealed material, and the remainder of destroyed
   * objects. An estimate, never less than the bytes of attributes and material.
   */
  readonly bytes: number
}

export interface ObjectStore {
  object(instanceId: string, uniqueIdentifier: string): MaybePromise<StoredObject | undefined>
  /** Newest first. */
  objects(query: ObjectQuery): Promise<readonly StoredObject[]>
  /**
   * The number of the instance's objects in each state at `nowMs`: the stored state plus the steps that the clock has
   * taken since. Omits states without objects. Takes about a millisecond, however many objects there are.
   */
  objectCounts(instanceId: string, nowMs: number): Promise<Readonly<Record<string, number>>>
  usage(instanceId: string): Promise<Usage>
  recoverable(instanceId: string): Promise<RecoverableCount>
  /** Objects of all instances whose material is due to be removed at this moment of the recovery clock, those due first. */
  dueObjects(
    untilMs: number,
    limit: number,
  ): Promise<readonly Pick<ObjectRecord, 'instanceId' | 'uniqueIdentifier' | 'version'>[]>
  /** Null: it was never kept. */
  recoveryTime(): Promise<RecoveryTime | null>
  /** Since this database was made; a restored one begins anew. */
  adoptedOnDemand(instanceId: string): Promise<AdoptedOnDemand>
}
