// The audit log as the store keeps it: entries, the chain's heads, signed checkpoints. The comments are contracts; the
// store contract test holds every implementation to them. No logic here.

import type { AuditAction } from './audit-actions.ts'

/**
 * One audit entry as its author writes it. The store adds its writer, number and hash (audit/chain.ts) inside the
 * transaction that also does the act.
 */
export interface AuditEntry {
  readonly atMs: number
  readonly action: AuditAction
  readonly result: 'success' | 'refused' | 'undone'
  /** The instance that it concerns; null for the server itself. */
  readonly instanceId: string | null
  /** The object's UniqueIdentifier, or the id of a client, or a certificate's SHA-256. */
  readonly object: string | null
  /** The client's or token's id and name, certificate SHA-256, address. */
  readonly actor: Actor
  /** The KMIP result reason of a refusal. */
  readonly reason: string | null
  readonly requestId: string | null
  /** Anything else worth keeping, small, without secrets. */
  readonly detail: Readonly<Record<string, string | number | boolean>> | null
}

export interface Actor {
  readonly kind: 'client' | 'token' | 'server' | 'stranger'
  readonly id: string | null
  readonly name: string | null
  readonly certificateSha256: string | null
  readonly address: string | null
}

/** An entry as stored. `body` is the exact text that was hashed. */
export interface StoredAuditEntry {
  readonly writer: string
  readonly number: number
  readonly body: string
  /** Lower-case hex SHA-256, see audit/chain.ts. */
  readonly hash: string
}

export interface WriterHead {
  readonly writer: string
  readonly number: number
  readonly hash: string
}

export interface AuditCheckpoint {
  /** Rises by one; by more where an owner accepted a restore: then it is above every number that is known. */
  readonly number: number
  /** The signed text (JSON: number, time, heads, hash of the checkpoint before). */
  readonly body: string
  /** Ed25519, base64. */
  readonly signature: string
}

export interface AuditQuery {
  /** null: entries of all instances and of the server itself. */
  readonly instanceId?: string | null
  readonly object?: string
  readonly action?: string
  readonly certificateSha256?: string
  readonly sinceMs?: number
  readonly untilMs?: number
  /** From newest to oldest, or in the order written. */
  readonly order: 'newest' | 'oldest'
  /** The opaque `after` of the previous page. */
  readonly after?: string
  readonly limit: number
}

export interface CheckpointWrite {
  readonly type: 'checkpoint'
  readonly checkpoint: AuditCheckpoint
  /**
   * The number of the last checkpoint before it, where that is not one less. StoreConflict('checkpoint') when another one
   * is the last.
   */
  readonly follows?: number
}

export type AuditWrite =
  | CheckpointWrite
  /** Removes older entries that the checkpoint covers; the heads stay as the new beginning. */
  | { readonly type: 'prune'; readonly beforeMs: number; readonly upTo: readonly WriterHead[] }

export interface AuditStore {
  /** Names this connection of this process run in the audit chain. */
  readonly writer: string
  audit(
    query: AuditQuery,
  ): Promise<{ readonly entries: readonly StoredAuditEntry[]; readonly after: string | null }>
  /** Last number and hash of every writer, and where each begins after pruning (number 0 and '' if never pruned). */
  auditHeads(): Promise<{ readonly heads: readonly WriterHead[]; readonly beginnings: readonly WriterHead[] }>
  checkpoints(limit: number): Promise<readonly AuditCheckpoint[]>
}
