// What keys/ needs from outside, as interfaces: a Store for records, and a Clock. Their comments are contracts;
// test/support/store-contract.ts holds every implementation to them. The third is the root key (root-key.ts). This file
// holds no logic and imports nothing, so that store/ and rootkey/ can import it alone.

// ---------------------------------------------------------------- Clock

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  now(): number
  /** Monotonic, milliseconds since some moment of this process. Never jumps; for time-outs and the cache rule. */
  monotonic(): number
}

// ---------------------------------------------------------------- Records

/** One managed object. Its identity is (instanceId, uniqueIdentifier), never given twice. */
export interface ObjectRecord {
  readonly instanceId: string
  readonly uniqueIdentifier: string
  /** KMIP object type, spelled as in the specification: SymmetricKey, SecretData, OpaqueObject. */
  readonly objectType: string
  /** As last stored; states that come by the clock are derived when read (keys/lifecycle.ts). */
  readonly state: string
  /** 1 when made, one more with each change; the precondition of every change. */
  readonly version: number
  /** When it was made, milliseconds since 1970; with `sequence` the order of Locate (newest first). */
  readonly createdMs: number
  /** All attributes, packed by kmip/attributes. */
  readonly attributes: Uint8Array
  /**
   * The sealed material (keys/envelope.ts), or where it lies as a standard key (keys/standard-keys/place.ts); null once
   * destroyed.
   */
  readonly sealed: Uint8Array | null
  /** The data key that sealed it; null for a standard key, and once destroyed. */
  readonly dataKeyId: string | null
}

/** As read: with the place in the order of creation, and when the key was last sent to a client. */
export interface StoredObject extends ObjectRecord {
  /** Rises with each object of the store; assigned by the store. */
  readonly sequence: number
  readonly lastFetchedMs: number | null
}

/** One searchable attribute value of an object: `key` and `value` are compared byte for byte. */
export interface IndexEntry {
  readonly key: string
  readonly value: string
}

/** Where a search stands: pass what the last page returned. */
export interface ObjectQuery {
  readonly instanceId: string
  /** All must be there. At most one is used to narrow by index if the store wishes; the caller compares again. */
  readonly index?: readonly IndexEntry[]
  readonly includeDestroyed?: boolean
  /** Only objects with a smaller sequence: the page after. */
  readonly beforeSequence?: number
  readonly limit: number
}

/**
 * A row that decides access: an instance's settings, a client, a certificate, a CA, a block, a token. The store
 * keeps the body as it is; keys/trust/access makes it, MACs it and reads it.
 */
export interface TrustRow {
  readonly kind: string
  readonly id: string
  /** JSON text. */
  readonly body: string
  readonly mac: Uint8Array
}

export interface DataKeyRecord {
  readonly id: string
  readonly instanceId: string
  readonly rootKeyUri: string
  readonly rootKeyId: string
  readonly wrapped: Uint8Array
  readonly createdMs: number
}

/**
 * A standard key at a root key's service, as far as we know: entered before it is made, so that one whose making was
 * not answered, or not used, is found and deleted.
 */
export interface StandardKeyRecord {
  /** Ours; random. */
  readonly id: string
  readonly instanceId: string
  readonly kind: 'object' | 'journal'
  /** The object's UniqueIdentifier, or the name of the part of the journal. */
  readonly identifier: string
  readonly generation: number
  readonly rootKeyUri: string
  /** `intended`: it may be there or not. `current`: it counts. `unwanted`: to be deleted at the service. */
  readonly state: 'intended' | 'current' | 'unwanted'
  /** The service's id; null until it is known. */
  readonly standardKeyId: string | null
  /** The version of the root key that wrapped it; '' where not known. */
  readonly keyVersion: string
  readonly createdMs: number
}

export interface StandardKeyQuery {
  /** Left out: of all instances, also of those that are gone. */
  readonly instanceId?: string
  readonly kind?: StandardKeyRecord['kind']
  readonly state?: StandardKeyRecord['state']
  readonly identifier?: string
  /** Those after this id, in the order of ids. */
  readonly afterId?: string
  readonly limit: number
}

/** One of the server's own secrets, sealed by the system data key; `system-data-key` itself by the root key. */
export interface SecretRecord {
  readonly name: string
  readonly sealed: Uint8Array
}

export interface PendingClient {
  readonly sha256: string
  readonly certificate: Uint8Array
  readonly address: string
  readonly firstMs: number
  readonly lastMs: number
  readonly knocks: number
}

/** When and from where a certificate was last used. Decides nothing, so it carries no MAC. */
export interface CertificateSeen {
  readonly sha256: string
  readonly lastMs: number
  readonly address: string
}

// ---------------------------------------------------------------- Audit

/**
 * One audit entry as the caller makes it. The store gives it its writer, number and hash (keys/chain.ts) inside
 * the transaction that also does the act.
 */
export interface AuditEntry {
  readonly atMs: number
  /** What was done: `key.get`, `key.create`, `client.trust`, `kmip.refused`, ... */
  readonly action: string
  readonly result: 'success' | 'refused' | 'undone'
  /** The instance that it concerns; null for the server itself. */
  readonly instanceId: string | null
  /** The object's UniqueIdentifier, or what else was acted on (a client's id, a certificate's SHA-256). */
  readonly object: string | null
  /** Who: the client's or token's id and name, certificate SHA-256, address. */
  readonly actor: {
    readonly kind: 'client' | 'token' | 'server' | 'stranger'
    readonly id: string | null
    readonly name: string | null
    readonly certificateSha256: string | null
    readonly address: string | null
  }
  /** The KMIP result reason of a refusal. */
  readonly reason: string | null
  readonly requestId: string | null
  /** Anything else worth keeping, small, without secrets. */
  readonly detail: Readonly<Record<string, string | number | boolean>> | null
}

/** An entry as stored. `body` is the exact text that was hashed. */
export interface StoredAuditEntry {
  readonly writer: string
  readonly number: number
  readonly body: string
  /** Lower-case hex SHA-256, see keys/chain.ts. */
  readonly hash: string
}

export interface WriterHead {
  readonly writer: string
  readonly number: number
  readonly hash: string
}

export interface AuditCheckpoint {
  /** Rises by one; by more where a restore was accepted, above every number that was given before. */
  readonly number: number
  /** The signed text (JSON: number, time, heads, hash of the checkpoint before). */
  readonly body: string
  /** Ed25519, base64. */
  readonly signature: string
}

export interface AuditQuery {
  /** null: entries of the server itself too, of all instances. */
  readonly instanceId?: string | null
  readonly object?: string
  readonly action?: string
  readonly certificateSha256?: string
  readonly sinceMs?: number
  readonly untilMs?: number
  /** From newest to oldest, or in the order written. */
  readonly order: 'newest' | 'oldest'
  /** Opaque place of the last page. */
  readonly after?: string
  readonly limit: number
}

// ---------------------------------------------------------------- Store

/** What must still be true when the change commits. `version: null`: the object must not exist. */
export interface Expectation {
  readonly trustVersion?: number
  /** How many objects of the instance are not destroyed. */
  readonly liveObjects?: { readonly instanceId: string; readonly count: number }
  readonly objects?: readonly {
    readonly instanceId: string
    readonly uniqueIdentifier: string
    readonly version: number | null
  }[]
}

export type Write =
  /** Inserts or replaces an object and its index entries; `names` are unique per instance among live objects. */
  | {
      readonly type: 'object'
      readonly record: ObjectRecord
      readonly names: readonly string[]
      readonly index: readonly IndexEntry[]
      /** It is to be entered in the journal of its instance: `Store.unjournaled` lists it until it was. */
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
  /** Notes that the material was sent. */
  | {
      readonly type: 'fetched'
      readonly instanceId: string
      readonly uniqueIdentifier: string
      readonly atMs: number
    }
  /** Any of these raises trustVersion by one, once per commit. */
  | { readonly type: 'trust'; readonly row: TrustRow }
  | { readonly type: 'trust-removed'; readonly kind: string; readonly id: string }
  /** Trust was at this version before, on a branch that was left: the commit raises it from there, if it is lower. */
  | { readonly type: 'trust-version'; readonly atLeast: number }
  | { readonly type: 'data-key'; readonly record: DataKeyRecord }
  /** Erases all data keys of an instance for good, as the material of a destroyed object. */
  | { readonly type: 'data-keys-removed'; readonly instanceId: string }
  /** The same of one. */
  | { readonly type: 'data-key-removed'; readonly id: string }
  /** Another wrapped form of the same data key, in place; StoreConflict('data-key') when it is not `was` any more. */
  | { readonly type: 'data-key-rewrapped'; readonly was: Uint8Array; readonly record: DataKeyRecord }
  /** Inserts or replaces; StoreConflict('standard-key') unless it is in the state `from` (null: not there). */
  | {
      readonly type: 'standard-key'
      readonly record: StandardKeyRecord
      readonly from: StandardKeyRecord['state'] | null
    }
  | { readonly type: 'standard-key-removed'; readonly id: string }
  /** All of an instance that are not yet so are unwanted from now on. */
  | { readonly type: 'standard-keys-unwanted'; readonly instanceId: string }
  | { readonly type: 'secret'; readonly record: SecretRecord }
  /** Only where the name is not there yet; otherwise the commit is a StoreConflict('secret'). */
  | { readonly type: 'new-secret'; readonly record: SecretRecord }
  | { readonly type: 'secret-removed'; readonly name: string }
  | { readonly type: 'pending'; readonly clients: readonly PendingClient[] }
  | { readonly type: 'seen'; readonly certificates: readonly CertificateSeen[] }
  /** `follows`: the number of the last one before it, where numbers are left out after a restore. */
  | { readonly type: 'checkpoint'; readonly checkpoint: AuditCheckpoint; readonly follows?: number }
  /** Removes entries that the checkpoint covers and that are older; the heads stay as the new beginning. */
  | { readonly type: 'prune'; readonly beforeMs: number; readonly upTo: readonly WriterHead[] }

export interface Change {
  readonly expect?: Expectation
  readonly writes: readonly Write[]
  readonly entries: readonly AuditEntry[]
  /**
   * 'disk': durable on return, power loss included. 'process': survives a killed process on return, and power
   * loss within limits.accessFlushMs or with the next 'disk' change, whichever is first.
   */
  readonly durability: 'disk' | 'process'
}

/** Nothing of the change was done. `what` tells which expectation failed. */
export class StoreConflict extends Error {
  override readonly name = 'StoreConflict'
  readonly what: 'object' | 'trust' | 'name' | 'secret' | 'checkpoint' | 'data-key' | 'standard-key'
  constructor(what: StoreConflict['what'], message: string) {
    super(message)
    this.what = what
  }
}

/** Nothing of the change was done: the disk has no room ('full') or the store cannot be used ('unavailable', 'busy'). */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
  readonly why: 'full' | 'busy' | 'unavailable'
  constructor(why: StoreUnavailable['why'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.why = why
  }
}

export interface StoreHealth {
  readonly writable: boolean
  /** Why changes are refused at the moment, in words for people; null when they are not. */
  readonly reason: string | null
}

/**
 * Reads see every change committed before they were called, through any node. Everything may be called
 * concurrently. Anything but StoreConflict and StoreUnavailable that is thrown is a bug.
 */
export interface Store {
  /** Names this connection of this process run in the audit chain. */
  readonly writer: string

  trustVersion(): Promise<number>
  /** All trust rows and the version they belong to, read at one moment. */
  trust(): Promise<{ readonly version: number; readonly rows: readonly TrustRow[] }>

  object(instanceId: string, uniqueIdentifier: string): Promise<StoredObject | undefined>
  /** Newest first. */
  objects(query: ObjectQuery): Promise<readonly StoredObject[]>
  /** How many objects of the instance there are in each stored state. */
  objectCounts(instanceId: string): Promise<Readonly<Record<string, number>>>

  dataKeys(instanceId: string): Promise<readonly DataKeyRecord[]>
  /** In the order of their ids. */
  standardKeys(query: StandardKeyQuery): Promise<readonly StandardKeyRecord[]>
  /** How many current standard keys of objects there are of each version of the root key. */
  standardKeyVersions(instanceId: string): Promise<Readonly<Record<string, number>>>
  /** Objects that changed since they were entered in the journal, destroyed ones included; oldest first. */
  unjournaled(instanceId: string, limit: number): Promise<readonly StoredObject[]>
  /** Whether the object did not change since it was entered in the journal; true where nothing is to be entered. */
  isJournaled(instanceId: string, uniqueIdentifier: string): Promise<boolean>
  secrets(): Promise<readonly SecretRecord[]>
  pending(): Promise<readonly PendingClient[]>
  seen(sha256s: readonly string[]): Promise<readonly CertificateSeen[]>

  audit(
    query: AuditQuery,
  ): Promise<{ readonly entries: readonly StoredAuditEntry[]; readonly after: string | null }>
  /** Last number and hash of every writer, and where each begins after pruning (number 0 and '' if never pruned). */
  auditHeads(): Promise<{ readonly heads: readonly WriterHead[]; readonly beginnings: readonly WriterHead[] }>
  checkpoints(limit: number): Promise<readonly AuditCheckpoint[]>

  /** All or nothing, in the order of the calls where they touch the same rows. */
  commit(change: Change): Promise<void>

  health(): StoreHealth
  close(): Promise<void>
}
