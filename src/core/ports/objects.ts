// Managed objects as the store keeps them. The comments are contracts, which the store contract test checks for every
// implementation. No logic here.

import type { MaybePromise } from '../../base/maybe-promise.ts'

/** One managed object. The store never reuses its identity, the pair (instanceId, uniqueIdentifier). */
export interface ObjectRecord {
  readonly instanceId: string
  readonly uniqueIdentifier: string
  /** KMIP object type, spelled as in the specification: SymmetricKey, SecretData, OpaqueObject. */
  readonly objectType: string
  /** The last stored state. core/keys/object/lifecycle.ts derives states that depend on the clock when it reads the object. */
  readonly state: string
  /** 1 when created, plus one with each change. Every change states it as its precondition. */
  readonly version: number
  /** Creation time, milliseconds since 1970. Several objects may share it. `sequence` has their order. */
  readonly createdMs: number
  /** All attributes, encoded by wire/kmip/attributes. */
  readonly attributes: Uint8Array
  /** The sealed material, or a reference to it. Null when destroyed. Only custody reads it. */
  readonly sealed: Uint8Array | null
  /** The data key that sealed it. Null if none did, and when destroyed. */
  readonly dataKeyId: string | null
  /** Set for a destroyed object that can still be brought back. Absent: there is nothing to bring back. */
  readonly recoverable?: Recoverable | undefined
}

/** The former state of a destroyed object that can still be brought back. */
export interface Recoverable {
  /** Its sealed material. No code opens it while the object is destroyed. */
  readonly sealed: Uint8Array
  readonly dataKeyId: string | null
  /** Its state before it was destroyed. */
  readonly state: string
  /** The material is removed for good when the recovery clock (core/keys/object/recovery-clock.ts) reaches this. */
  readonly dueMs: number
}

/** An object with its place in the order of creation and the time of the last Get. */
export interface StoredObject extends ObjectRecord {
  /**
   * Increases with each object of the store, and never changes for an object. The store assigns it. Locate sorts by it, newest
   * first.
   */
  readonly sequence: number
  readonly lastFetchedMs: number | null
  /** The store returns the identical bytes again while nothing changes, so the caller may remember the unpacked form. */
  readonly isRemembered?: true
  /**
   * A mark says that the object is destroyed, but its rows have material: old rows were put back. No code may open it. Absent:
   * unknown, since it was read in a list. The caller must read it again alone before it opens it.
   */
  readonly isPutBack?: boolean | undefined
}

/** One searchable attribute value of an object. The store compares `key` and `value` byte for byte. */
export interface IndexEntry {
  readonly key: string
  readonly value: string
}

/** When the clock moves an object on from its stored state, in whole seconds since 1970. Null: never. */
export interface ClockSteps {
  /** From PreActive to Active. */
  readonly activates: number | null
  /** From Active to Deactivated. Not earlier than `activates`. */
  readonly deactivates: number | null
}

export interface ObjectQuery {
  readonly instanceId: string
  /** The object must have all of these. The store may use just one to narrow the search, and the caller compares again. */
  readonly index?: readonly IndexEntry[]
  readonly includeDestroyed?: boolean
  /** Only objects with a smaller sequence: the next page. */
  readonly beforeSequence?: number
  readonly limit: number
}

export type ObjectWrite =
  /**
   * Inserts or replaces an object and its index entries. `names` are unique per instance among live objects: otherwise
   * StoreConflict('name'), unless other objects may have the added names (`namesShared`). A destroyed object lives again only
   * with the very material that waited: otherwise StoreConflict('object').
   */
  | {
      readonly type: 'object'
      readonly record: ObjectRecord
      readonly names: readonly string[]
      readonly namesShared?: boolean
      readonly index: readonly IndexEntry[]
      /** `ObjectStore.objectCounts` uses them. Absent: the clock changes nothing. */
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
   * Erases the material that waits to be brought back, for good: of one object, or of all objects of the instance. Does nothing
   * if there is none. The records stay as they are.
   */
  | {
      readonly type: 'recoverable-removed'
      readonly instanceId: string
      readonly uniqueIdentifier?: string
    }
  /** Replaces the state of the recovery clock, and the time of the wall clock at that state. */
  | ({ readonly type: 'recovery-clock' } & RecoveryTime)
  /** Counts an object that was adopted because a client asked for it. */
  | { readonly type: 'adopted-on-demand'; readonly instanceId: string; readonly atMs: number }

/** The state of the recovery clock when the wall clock showed `atMs`. */
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

/** How many objects an instance adopted from its upstream because clients asked for them. */
export interface AdoptedOnDemand {
  readonly count: number
  /** Null: none yet. */
  readonly lastMs: number | null
}

/** The size of an instance's content. */
export interface Usage {
  /** The number of objects that are not destroyed, and of destroyed objects that can still be brought back. */
  readonly objects: number
  /**
   * The bytes of its objects in the store: attributes, index entries, sealed material, and the remains of destroyed objects. An
   * estimate, never less than the bytes of attributes and material.
   */
  readonly bytes: number
}

export interface ObjectStore {
  object(instanceId: string, uniqueIdentifier: string): MaybePromise<StoredObject | undefined>
  /** Newest first. */
  objects(query: ObjectQuery): Promise<readonly StoredObject[]>
  /**
   * The number of the instance's objects in each state at `nowMs`: the stored state plus the steps that the clock has taken
   * since. Omits states without objects. Takes about a millisecond for any number of objects.
   */
  objectCounts(instanceId: string, nowMs: number): Promise<Readonly<Record<string, number>>>
  usage(instanceId: string): Promise<Usage>
  recoverable(instanceId: string): Promise<RecoverableCount>
  /** Objects of all instances whose material is due for removal at this time of the recovery clock, the earliest first. */
  dueObjects(
    untilMs: number,
    limit: number,
  ): Promise<readonly Pick<ObjectRecord, 'instanceId' | 'uniqueIdentifier' | 'version'>[]>
  /** Null: the store never kept it. */
  recoveryTime(): Promise<RecoveryTime | null>
  /** Counts since this database was created. A restored database begins at 0. */
  adoptedOnDemand(instanceId: string): Promise<AdoptedOnDemand>
}
