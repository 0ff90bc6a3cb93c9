// Sealed keys as the store keeps them: the server's own secrets, data keys, and references to standard keys. The
// comments are contracts; the store contract test holds every implementation to them. No logic here.

/** One of the server's own secrets, sealed by the system data key; the root key seals `system-data-key` itself. */
export interface SecretRecord {
  readonly name: string
  readonly sealed: Uint8Array
}

export interface DataKeyRecord {
  readonly id: string
  readonly instanceId: string
  readonly rootKeyUri: string
  readonly rootKeyId: string
  readonly wrapped: Uint8Array
  readonly createdMs: number
}

/** A standard key at a root key's service that this server knows of. */
export interface StandardKeyRecord {
  /** The service's id; of a marker that is still to be stored, an id of ours. */
  readonly id: string
  readonly instanceId: string
  readonly kind: 'object' | 'marker'
  /** The object's UniqueIdentifier; of a marker, what it says. */
  readonly identifier: string
  /** A marker's number. */
  readonly generation: number
  readonly rootKeyUri: string
  /**
   * `current`: it counts. `due`: it counts, and a closed generation above it is still to be stored; of a marker: it is
   * still to be stored. `unwanted`: it is to be deleted at the service.
   */
  readonly state: 'current' | 'due' | 'unwanted'
  /** The version of the root key that wrapped it; '' where not known. */
  readonly keyVersion: string
  readonly createdMs: number
}

export interface StandardKeyQuery {
  /** Left out: all instances, including deleted ones. */
  readonly instanceId?: string
  readonly kind?: StandardKeyRecord['kind']
  readonly state?: StandardKeyRecord['state']
  readonly identifier?: string
  /** Records after this id, in the order of ids. */
  readonly afterId?: string
  readonly limit: number
}

export type SecretWrite =
  | { readonly type: 'data-key'; readonly record: DataKeyRecord }
  /** Erases all data keys of an instance permanently, like the material of a destroyed object. */
  | { readonly type: 'data-keys-removed'; readonly instanceId: string }
  /** Erases one data key permanently. */
  | { readonly type: 'data-key-removed'; readonly id: string }
  /** Replaces the wrapped form of a data key. StoreConflict('data-key') if the current one is not `was`. */
  | { readonly type: 'data-key-rewrapped'; readonly was: Uint8Array; readonly record: DataKeyRecord }
  /** Inserts or replaces. */
  | { readonly type: 'standard-key'; readonly record: StandardKeyRecord }
  /** Does nothing where there is no such record. */
  | {
      readonly type: 'standard-key-state'
      readonly id: string
      readonly state: StandardKeyRecord['state']
    }
  | { readonly type: 'standard-key-removed'; readonly id: string }
  /** Marks the standard keys of one object as unwanted, or those of all objects of the instance. */
  | { readonly type: 'standard-keys-unwanted'; readonly instanceId: string; readonly identifier?: string }
  /** Removes the records of the unwanted standard keys of an instance beside a root key, and those of its markers there. */
  | { readonly type: 'standard-keys-forgotten'; readonly instanceId: string; readonly rootKeyUri: string }
  /** `was`: StoreConflict('secret') if the current one is another; null: if there is one. Left out: whatever is there. */
  | { readonly type: 'secret'; readonly record: SecretRecord; readonly was?: Uint8Array | null }
  /** Inserts only if the name does not exist. Otherwise the commit is a StoreConflict('secret'). */
  | { readonly type: 'new-secret'; readonly record: SecretRecord }
  | { readonly type: 'secret-removed'; readonly name: string }

export interface SecretStore {
  secrets(): Promise<readonly SecretRecord[]>
  dataKeys(instanceId: string): Promise<readonly DataKeyRecord[]>
  /** In the order of their ids. */
  standardKeys(query: StandardKeyQuery): Promise<readonly StandardKeyRecord[]>
  /** The number of standard keys that count, of objects, under each version of the root key. */
  standardKeyVersions(instanceId: string): Promise<Readonly<Record<string, number>>>
}
