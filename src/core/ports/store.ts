// The store: seven parts (objects, trust, audit, secrets, inventory, leases, marks), and the one commit that spans them. The
// comments are contracts, which the store contract test checks for every implementation. Only the two errors are code.

import type { AuditEntry, AuditStore, AuditWrite } from './audit.ts'
import type { Durability, Expectation } from './expectation.ts'
import type { InventoryStore, InventoryWrite } from './inventory.ts'
import type { LeaseStore, LeaseWrite } from './leases.ts'
import type { LeastVersionWrite } from './least-version.ts'
import type { MarkStore, MarkWrite } from './marks.ts'
import type { ObjectStore, ObjectWrite } from './objects.ts'
import type { SecretStore, SecretWrite } from './secrets.ts'
import type { TrustStore, TrustWrite } from './trust.ts'

export type Write =
  | ObjectWrite
  | TrustWrite
  | AuditWrite
  | SecretWrite
  | InventoryWrite
  | LeaseWrite
  | LeastVersionWrite
  | MarkWrite

export interface Change {
  readonly expect?: Expectation
  readonly writes: readonly Write[]
  readonly entries: readonly AuditEntry[]
  readonly durability: Durability
}

/** The expectation `what` failed, and the store applied nothing of the change. */
export class StoreConflict extends Error {
  override readonly name = 'StoreConflict'
  readonly what:
    | 'object'
    | 'trust'
    | 'name'
    | 'secret'
    | 'checkpoint'
    | 'data-key'
    | 'objects-max'
    | 'bytes-max'
    | 'inventory'
    | 'inventory-rows'
    | 'lease'
    | 'older-node'
    | 'mark'
  constructor(what: StoreConflict['what'], message: string) {
    super(message)
    this.what = what
  }
}

/** Whether another node does the work, or may do it now. */
export function isLeaseLost(error: unknown): boolean {
  return error instanceof StoreConflict && error.what === 'lease'
}

/**
 * The store confirmed nothing of the change. 'full' (no room on the disk) and 'busy': it applied nothing. 'unavailable': it
 * applied all or nothing, and only the next read shows which, since a commit's answer may have been lost. So after this error the
 * caller must decide by the state of the store what to undo.
 */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
  readonly why: 'full' | 'busy' | 'unavailable'
  /** An instruction that is safe to show to any caller: it names no hosts and no files. */
  readonly hint: string | undefined
  constructor(
    why: StoreUnavailable['why'],
    message: string,
    options?: ErrorOptions & { readonly hint?: string | undefined },
  ) {
    super(message, options)
    this.why = why
    this.hint = options?.hint
  }
}

export interface WriteHealth {
  readonly writable: boolean
  /** Why the store refuses or delays changes now, in words for people. Null while it accepts them. */
  readonly reason: string | null
}

export interface StoreHealth extends WriteHealth {
  /** Whether it takes the records without which the server may not send keys. */
  readonly handsOut: boolean
}

/** The guarantees of a separate database server, as far as it answers. */
export interface DatabaseFacts {
  /** Settings with which it may lose confirmed data, such as `fsync = off`. */
  readonly unsafe: readonly string[]
  /** The replicas that must confirm a commit. Empty: none. */
  readonly confirming: string
  /** Why the server cannot confirm commits now. Null: no reason is known. */
  readonly unconfirmed: string | null
  /**
   * Nodes that were at work when a replica replaced the primary, that had not confirmed their commits to it, and that have not
   * shown since that it lacks none of their commits. By name. `sinceMs`: when the replica was first used, by the database's
   * clock.
   */
  readonly unproven: readonly { readonly node: string; readonly sinceMs: number }[]
  /** Whether it reports its timeline. */
  readonly hasTimeline: boolean
  /** How far this machine's clock is behind the database's clock, in milliseconds. Negative: ahead of it. */
  readonly behindMs: number
}

/** The only way to change anything. */
export interface Commits {
  /** All or nothing. Calls that touch the same rows take effect in the order of the calls. */
  commit(change: Change): Promise<void>
}

/**
 * A read sees every change that was committed before its call, through any node. Callers may call all methods concurrently. Any
 * error other than StoreConflict and StoreUnavailable is a bug.
 */
export interface Store
  extends ObjectStore, TrustStore, AuditStore, SecretStore, InventoryStore, LeaseStore, MarkStore, Commits {
  health(): StoreHealth
  /** Null: the store is its own database. */
  databaseFacts(): Promise<DatabaseFacts | null>
  close(): Promise<void>
}
