// The audit log as the store keeps it: entries, the heads of the chain, signed checkpoints. The comments are contracts, which the
// store contract test checks for every implementation. No logic here.

import type { KeyObject } from 'node:crypto'
import type { AuditAction } from './audit-actions.ts'
import type { Durability, Expectation } from './expectation.ts'

/**
 * One audit entry as the caller writes it. The store adds writer, number and hash (core/audit/chain.ts) in the transaction of the
 * act itself.
 */
export interface AuditEntry {
  readonly atMs: number
  readonly action: AuditAction
  readonly result: 'success' | 'refused' | 'undone'
  /** The instance of the act. Null for the server itself. */
  readonly instanceId: string | null
  /** The object's UniqueIdentifier, the id of a client, or a certificate's SHA-256. */
  readonly object: string | null
  /** Id and name of the client, token or person, certificate SHA-256, address. */
  readonly actor: Actor
  /** The KMIP result reason of a refusal. */
  readonly reason: string | null
  readonly requestId: string | null
  /** Further facts. Small, without secrets. */
  readonly detail: Readonly<Record<string, string | number | boolean>> | null
}

export interface Actor {
  /**
   * `person`: a person whom the identity provider named. The id consists of the issuer and the subject there
   * (core/trust/person.ts).
   */
  readonly kind: 'client' | 'token' | 'person' | 'server' | 'unauthenticated'
  readonly id: string | null
  readonly name: string | null
  readonly certificateSha256: string | null
  readonly address: string | null
}

/** An entry as stored. `body`: the exact text that was hashed. */
export interface StoredAuditEntry {
  readonly writer: string
  readonly number: number
  readonly body: string
  /** SHA-256 in lower-case hex (core/audit/chain.ts). */
  readonly hash: string
}

/** `place`: increases in the order of writing, from 1. It has no meaning in another store. */
export interface PlacedEntry extends StoredAuditEntry {
  readonly place: number
}

export interface WriterHead {
  readonly writer: string
  readonly number: number
  readonly hash: string
}

export interface AuditCheckpoint {
  /** Increases by one. After an accepted restore it exceeds every known number. */
  readonly number: number
  /** The signed text (JSON: number, time, heads, hash of the checkpoint before). */
  readonly body: string
  /** Ed25519, base64. */
  readonly signature: string
}

export interface AuditQuery {
  /** Null: entries of all instances and of the server itself. */
  readonly instanceId?: string | null
  readonly object?: string
  readonly action?: string
  readonly certificateSha256?: string
  /** Entries about any of these objects. */
  readonly objects?: readonly string[]
  /** The id or name of the client, token or person that acted. */
  readonly client?: string
  readonly token?: string
  readonly person?: string
  readonly address?: string
  readonly result?: AuditEntry['result']
  readonly requestId?: string
  readonly sinceMs?: number
  readonly untilMs?: number
  /** Newest first, or in the order of writing. */
  readonly order: 'newest' | 'oldest'
  /** The opaque `after` of the previous page. */
  readonly after?: string
  /** With the order 'newest': only entries written after the last entry of the page with this `after`. '0': all. */
  readonly newerThan?: string
  readonly limit: number
}

export interface CheckpointWrite {
  readonly type: 'checkpoint'
  readonly checkpoint: AuditCheckpoint
  /**
   * The number of the previous checkpoint, if it is not one less than this one. StoreConflict('checkpoint') if the store's last
   * checkpoint is another one.
   */
  readonly follows?: number
}

/** The traces of a read: its audit entries, and the objects whose material it sent. */
export interface AccessRecord {
  readonly entries: readonly AuditEntry[]
  readonly fetched: readonly {
    readonly instanceId: string
    readonly uniqueIdentifier: string
    readonly atMs: number
  }[]
  /** The state on which the read was decided. StoreConflict if it has changed. */
  readonly expect?: Pick<Expectation, 'trustVersion' | 'objects'>
}

export type AuditWrite =
  | CheckpointWrite
  /**
   * Only the store itself writes this: moves access records (JSON, as in their log) into the audit log, except those that it
   * already has.
   */
  | {
      readonly type: 'access-moved'
      readonly log: string
      /** In the order of their sequence numbers. */
      readonly frames: readonly { readonly sequence: number; readonly records: string }[]
    }
  /** The target with this name has all entries up to this place. */
  | { readonly type: 'audit-forwarded'; readonly target: string; readonly place: number }
  /**
   * Removes older entries that the checkpoint covers. The heads remain as the new beginnings. StoreConflict('checkpoint') if the
   * store's last checkpoint is another one (0: there is no checkpoint).
   */
  | {
      readonly type: 'prune'
      readonly checkpoint: number
      readonly beforeMs: number
      /**
       * Entries with a later time were written while the clock was ahead. They are removed together with the old entries after
       * them. Absent: there are no such entries.
       */
      readonly nowMs?: number
      readonly upTo: readonly WriterHead[]
    }

export interface AuditTimes {
  /** The time of the first entry that was not pruned. Null: there are no entries. */
  readonly oldestMs: number | null
  /** The latest time of any entry, whatever the order of writing. */
  readonly newestMs: number | null
}

export interface AuditStore {
  /** Identifies this connection of this process in the audit chain. */
  readonly writer: string
  /**
   * The server calls it once, before the first request. From then on the store keeps access records in a file of this node, with
   * MACs by `key`. It first enters the records that an earlier process left. Without this call, `record` commits.
   */
  openAccessLog(key: KeyObject): Promise<void>
  /**
   * Enters the traces of a read. On return the record survives a killed process, with 'disk' also a power loss. It is in the
   * audit log within a second, and survives a power loss after accessFlushMs. Reads of this store see it at once. Throws
   * StoreConflict, or StoreUnavailable, also if the audit log has taken no records for accessUnchainedMsMax.
   */
  record(access: AccessRecord, durability?: Durability): Promise<void>
  audit(
    query: AuditQuery,
  ): Promise<{ readonly entries: readonly StoredAuditEntry[]; readonly after: string | null }>
  /** The entries after a place, in the order of writing. Fewer than `limit`: there are no more at the moment. */
  auditBehind(place: number, limit: number): Promise<readonly PlacedEntry[]>
  /**
   * Entries that a list by key, instance, certificate or time omits, because the columns for the search differ from their text.
   * At most `auditMisfiledMax`.
   */
  auditMisfiled(): Promise<readonly Pick<StoredAuditEntry, 'writer' | 'number'>[]>
  /** The place up to which a target has all entries. 0: it has none. A backup does not include it. */
  forwardedTo(target: string): Promise<number>
  /**
   * The number and hash of every writer's last entry, and of its last pruned entry (number 0 and '' if never pruned). `asStored`:
   * does not wait for records of reads that are still on their way into the log, since a disk may delay those for ever.
   */
  auditHeads(how?: {
    readonly asStored: boolean
  }): Promise<{ readonly heads: readonly WriterHead[]; readonly beginnings: readonly WriterHead[] }>
  /** The last entry that a 'prune' would remove, for each writer of which it would remove any. */
  prunable(
    times: { readonly beforeMs: number; readonly nowMs?: number },
    upTo: readonly WriterHead[],
  ): Promise<readonly WriterHead[]>
  checkpoints(limit: number): Promise<readonly AuditCheckpoint[]>
  auditTimes(): Promise<AuditTimes>
  /**
   * The time of the first entry that was written after the last entry with a later time than `ms`, that is, after the clock was
   * set back. Null: no entry is later, or none was written since.
   */
  auditSetBack(ms: number): Promise<number | null>
}
