// Sealed keys as the store keeps them: the server's own secrets, data keys, and references to standard keys. The comments are
// contracts, which the store contract test checks for every implementation. No logic here.

/** One of the server's own secrets, sealed by the system data key. The root key seals `system-data-key` itself. */
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

/** A standard key at a root key's service that this server knows. */
export interface StandardKeyRecord {
  /** The service's id. For a marker that is still to be stored: an id of ours. */
  readonly id: string
  readonly instanceId: string
  readonly kind: 'object' | 'marker'
  /** The object's UniqueIdentifier. For a marker: its text. */
  readonly identifier: string
  /** A marker's number. */
  readonly generation: number
  readonly rootKeyUri: string
  /**
   * `current`: it counts. `due`: it counts, and a closed generation above it must still be stored. For a marker: it must still be
   * stored. `unwanted`: it must be deleted at the service.
   */
  readonly state: 'current' | 'due' | 'unwanted'
  /** The version of the root key that wrapped it. '' if unknown. */
  readonly keyVersion: string
  readonly createdMs: number
}

export interface StandardKeyQuery {
  /** Absent: all instances, including deleted ones. */
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
  /** Replaces the wrapped form of a data key. StoreConflict('data-key') if the stored form is not `was`. */
  | { readonly type: 'data-key-rewrapped'; readonly was: Uint8Array; readonly record: DataKeyRecord }
  /** Inserts or replaces. */
  | { readonly type: 'standard-key'; readonly record: StandardKeyRecord }
  /** Does nothing if there is no such record. */
  | {
      readonly type: 'standard-key-state'
      readonly id: string
      readonly state: StandardKeyRecord['state']
    }
  | { readonly type: 'standard-key-removed'; readonly id: string }
  /** Marks the standard keys of one object as unwanted, or of all objects of the instance. */
  | { readonly type: 'standard-keys-unwanted'; readonly instanceId: string; readonly identifier?: string }
  /** Removes the records of the unwanted standard keys of an instance under a root key, and of its markers there. */
  | { readonly type: 'standard-keys-forgotten'; readonly instanceId: string; readonly rootKeyUri: string }
  /** StoreConflict('secret') if the stored secret is not `was`. Null: if there is one. Absent `was`: replaces any secret. */
  | { readonly type: 'secret'; readonly record: SecretRecord; readonly was?: Uint8Array | null }
  /** Inserts only if the name does not exist. Otherwise the commit fails with StoreConflict('secret'). */
  | { readonly type: 'new-secret'; readonly record: SecretRecord }
  | { readonly type: 'secret-removed'; readonly name: string }

export interface SecretStore {
  secrets(): Promise<readonly SecretRecord[]>
  dataKeys(instanceId: string): Promise<readonly DataKeyRecord[]>
  /** In the order of their ids. */
  standardKeys(query: StandardKeyQuery): Promise<readonly StandardKeyRecord[]>
  /** The number of current standard keys of objects, by the version of the root key. */
  standardKeyVersions(instanceId: string): Promise<Readonly<Record<string, number>>>
}
