// The audit log as the store keeps it: entries, the heads of the chain, signed checkpoints. The comments are contracts;
// the store contract test holds every implementation to them. No logic here.

import type { KeyObject } from 'node:crypto'
import type { AuditAction } from './audit-actions.ts'
import type { Durability, Expectation } from './expectation.ts'

/**
 * One audit entry as the caller writes it. The store adds writer, number and hash (core/audit/chain.ts) in the transaction
 * of the act itself.
 */
export interface AuditEntry {
  readonly atMs: number
  readonly action: AuditAction
  readonly result: 'success' | 'refused' | 'undone'
  /** The instance of the act; null for the server itself. */
  readonly instanceId: string | null
  /** The object's UniqueIdentifier, or the id of a client, or a certificate's SHA-256. */
  readonly object: string | null
  /** The client's, token's or person's id and name, certificate SHA-256, address. */
  readonly actor: Actor
  /** The KMIP result reason of a refusal. */
  readonly reason: string | null
  readonly requestId: string | null
  /** Further facts worth keeping. Small, without secrets. */
  readonly detail: Readonly<Record<string, string | number | boolean>> | null
}

export interface Actor {
  /** `person`: somebody whom the identity provider named; the id is the issuer and the subject there (core/trust/person.ts). */
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
  /** Lower-case hex SHA-256, see core/audit/chain.ts. */
  readonly hash: string
}

/** `place`: rises in the order of writing, from 1. It says nothing in another store. */
export interface PlacedEntry extends StoredAuditEntry {
  readonly place: number
}

export interface WriterHead {
  readonly writer: string
  readonly number: number
  readonly hash: string
}

export interface AuditCheckpoint {
  /** Rises by one. After an accepted restore it jumps above every known number. */
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
  /** Several objects. */
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
  /** With the order 'newest': what was written after the last entry of the page that gave this `after`; '0': all. */
  readonly newerThan?: string
  readonly limit: number
}

export interface CheckpointWrite {
  readonly type: 'checkpoint'
  readonly checkpoint: AuditCheckpoint
  /**
   * The number of the previous checkpoint, if it is not one less. StoreConflict('checkpoint') if the store's last
   * checkpoint is another one.
   */
  readonly follows?: number
}

/** A read leaves these behind: its audit entries, and the objects whose material it sent. */
export interface AccessRecord {
  readonly entries: readonly AuditEntry[]
  readonly fetched: readonly {
    readonly instanceId: string
    readonly uniqueIdentifier: string
    readonly atMs: number
  }[]
  /** The read was decided on this. StoreConflict if it does not hold any more. */
  readonly expect?: Pick<Expectation, 'trustVersion' | 'objects'>
}

export type AuditWrite =
  | CheckpointWrite
  /** The store's own: moves access records (JSON, as they stand in their log) into the audit log, but for those that are there. */
  | {
      readonly type: 'access-moved'
      readonly log: string
      /** In the order of their numbers. */
      readonly frames: readonly { readonly sequence: number; readonly records: string }[]
    }
  /** The target of this name has all entries up to this place. */
  | { readonly type: 'audit-forwarded'; readonly target: string; readonly place: number }
  /**
   * Removes older entries that the checkpoint covers. The heads remain as the new beginnings. StoreConflict('checkpoint') if
   * the store's last checkpoint is another one (0: there is none).
   */
  | {
      readonly type: 'prune'
      readonly checkpoint: number
      readonly beforeMs: number
      /**
       * Entries with a later time were written while the clock was ahead; they go together with the old ones behind them. Left
       * out: there are none.
       */
      readonly nowMs?: number
      readonly upTo: readonly WriterHead[]
    }

export interface AuditTimes {
  /** The time of the first entry that was not pruned; null: there are no entries. */
  readonly oldestMs: number | null
  /** The latest time of any entry, in whatever order they were written. */
  readonly newestMs: number | null
}

export interface AuditStore {
  /** Identifies this connection of this process in the audit chain. */
  readonly writer: string
  /**
   * Call it once, before the first request: takes access records in a file of this node from then on, authenticated by
   * `key`, and first enters those that an earlier process left. Without it `record` commits.
   */
  openAccessLog(key: KeyObject): Promise<void>
  /**
   * Enters what a read leaves behind. On return the record survives a killed process, with 'disk' a power loss too; it is in
   * the audit log within a second, and survives a power loss after accessFlushMs. Reads of this store see it at
   * once. Throws StoreConflict, or StoreUnavailable, also while the audit log has taken no records for
   * accessUnchainedMsMax.
   */
  record(access: AccessRecord, durability?: Durability): Promise<void>
  audit(
    query: AuditQuery,
  ): Promise<{ readonly entries: readonly StoredAuditEntry[]; readonly after: string | null }>
  /** The entries behind a place, in the order of writing. Fewer than `limit`: there are no more now. */
  auditBehind(place: number, limit: number): Promise<readonly PlacedEntry[]>
  /**
   * Entries that a list by key, instance, certificate or time leaves out, because the columns that it searches say something else
   * than their text. At most `auditMisfiledMax`.
   */
  auditMisfiled(): Promise<readonly Pick<StoredAuditEntry, 'writer' | 'number'>[]>
  /** The place up to which a target has all entries; 0: it has none. A backup does not carry it. */
  forwardedTo(target: string): Promise<number>
  /**
   * The number and hash of every writer's last entry, and of its last pruned entry (number 0 and '' if never pruned).
   * `asStored`: without waiting for records of reads that are on their way into the log, which a disk may hold up for ever.
   */
  auditHeads(how?: {
    readonly asStored: boolean
  }): Promise<{ readonly heads: readonly WriterHead[]; readonly beginnings: readonly WriterHead[] }>
  /** The last entry that a 'prune' would take of each writer of which it takes any. */
  prunable(
    times: { readonly beforeMs: number; readonly nowMs?: number },
    upTo: readonly WriterHead[],
  ): Promise<readonly WriterHead[]>
  checkpoints(limit: number): Promise<readonly AuditCheckpoint[]>
  auditTimes(): Promise<AuditTimes>
  /**
   * The time of the first entry that was written behind the last one of a later time than this: then the clock had been set back.
   * null: no entry is later, or none was written since.
   */
  auditSetBack(ms: number): Promise<number | null>
}
