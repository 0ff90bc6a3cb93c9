// Managed objects as the store keeps them. The comments are contracts; the store contract test holds every
// implementation to them. No logic here.

/** One managed object. The store never reuses its identity, the pair (instanceId, uniqueIdentifier). */
export interface ObjectRecord {
  readonly instanceId: string
  readonly uniqueIdentifier: string
  /** KMIP object type, spelled as in the specification: SymmetricKey, SecretData, OpaqueObject. */
  readonly objectType: string
  /** As last stored. keys/lifecycle.ts derives the states that depend on the clock on reading. */
  readonly state: string
  /** 1 when created, one more with each change; the precondition of every change. */
  readonly version: number
  /** Creation time, milliseconds since 1970; with `sequence` the order of Locate (newest first). */
  readonly createdMs: number
  /** All attributes, encoded by kmip/attributes. */
  readonly attributes: Uint8Array
  /** The sealed material, or a reference to where it is kept; null once destroyed. Only custody reads it. */
  readonly sealed: Uint8Array | null
  /** The data key that sealed it; null where none did, and once destroyed. */
  readonly dataKeyId: string | null
}

/** An object as read: with its place in the order of creation, and the time when a client last fetched the key. */
export interface StoredObject extends ObjectRecord {
  /** Rises with each object of the store; assigned by the store. */
  readonly sequence: number
  readonly lastFetchedMs: number | null
}

/** One searchable attribute value of an object. The store compares `key` and `value` byte for byte. */
export interface IndexEntry {
  readonly key: string
  readonly value: string
}

/** When the clock takes an object on from its stored state, in whole seconds since 1970; null: never. */
export interface ClockSteps {
  /** From PreActive to Active. */
  readonly activates: number | null
  /** From Active to Deactivated. Not before `activates`. */
  readonly deactivates: number | null
}

export interface ObjectQuery {
  readonly instanceId: string
  /** All must be there. The store may narrow by one of them; the caller compares again. */
  readonly index?: readonly IndexEntry[]
  readonly includeDestroyed?: boolean
  /** Only objects with a smaller sequence: the next page. */
  readonly beforeSequence?: number
  readonly limit: number
}

export type ObjectWrite =
  /** Inserts or replaces an object and its index entries; `names` are unique per instance among live objects. */
  | {
      readonly type: 'object'
      readonly record: ObjectRecord
      readonly names: readonly string[]
      readonly index: readonly IndexEntry[]
      /** `ObjectStore.objectCounts` counts by them. Left out: the clock changes nothing. */
      readonly clockSteps?: ClockSteps
      /** It is to be entered in the journal of its instance: `ObjectStore.unjournaled` lists it until it was. */
      readonly journal?: boolean
    }
  /** These versions stand in the journal; what has changed since stays on the list. */
  | {
      readonly type: 'journaled'
      readonly instanceId: string
      readonly objects: readonly { readonly uniqueIdentifier: string; readonly version: number }[]
    }
  /** The instance keeps no journal any more. */
  | { readonly type: 'journal-ended'; readonly instanceId: string }
  /** Records when the material was sent. */
  | {
      readonly type: 'fetched'
      readonly instanceId: string
      readonly uniqueIdentifier: string
      readonly atMs: number
    }

/** What an instance holds. */
export interface Usage {
  /** Objects that are not destroyed. */
  readonly objects: number
  /**
   * What its objects take in the store: attributes, index entries and sealed material, with what stays behind when an
   * object is destroyed. An estimate, and never less than the bytes of attributes and material.
   */
  readonly bytes: number
}

export interface ObjectStore {
  object(instanceId: string, uniqueIdentifier: string): Promise<StoredObject | undefined>
  /** Newest first. */
  objects(query: ObjectQuery): Promise<readonly StoredObject[]>
  /**
   * The number of the instance's objects in each state at `nowMs`: the stored state, and the steps that the clock has
   * taken since. States without objects are left out. Takes about a millisecond, however many objects there are.
   */
  objectCounts(instanceId: string, nowMs: number): Promise<Readonly<Record<string, number>>>
  usage(instanceId: string): Promise<Usage>
  /** Objects that changed since they were entered in the journal, destroyed ones included; oldest first. */
  unjournaled(instanceId: string, limit: number): Promise<readonly StoredObject[]>
  /** Whether the object did not change since it was entered in the journal; true where nothing is to be entered. */
  isJournaled(instanceId: string, uniqueIdentifier: string): Promise<boolean>
}
