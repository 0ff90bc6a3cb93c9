// The store: seven parts (objects, trust, audit, secrets, inventory, leases, marks), and the one commit that spans them. The comments are
// contracts; the store contract test holds every implementation to them. Only the two errors are code.

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

/** An expectation (`what`) failed, and the store applied nothing of the change. */
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

/** Another node does the work, or may do it now. */
export function isLeaseLost(error: unknown): boolean {
  return error instanceof StoreConflict && error.what === 'lease'
}

/**
 * The store acknowledged nothing of the change. 'full' (no room on the disk) and 'busy': it applied nothing. 'unavailable': it
 * applied all or nothing, and which of both the next read tells, since a commit's answer may have been lost. So what is undone
 * after this error must be undone by what the store holds then.
 */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
  readonly why: 'full' | 'busy' | 'unavailable'
  /** Says what to do, to anybody who asks: it names no hosts and no files. */
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
  /** Why the store refuses changes now, or keeps them waiting, in words for people; null while it accepts them. */
  readonly reason: string | null
}

export interface StoreHealth extends WriteHealth {
  /** Whether it takes the records without which no key may be handed out. */
  readonly handsOut: boolean
}

/** The promises of a database server that is another program, as far as it can be asked. */
export interface DatabaseFacts {
  /** Settings without which it may lose what it has confirmed, such as `fsync = off`. */
  readonly unsafe: readonly string[]
  /** Which replicas must confirm a commit; empty: none. */
  readonly confirming: string
  /** Why no commit can be confirmed now; null: nothing is known that keeps it from that. */
  readonly unconfirmed: string | null
  /**
   * Nodes that were at work when a replica took the primary's place, without having confirmed their commits, and have not shown
   * since that it lacks none of them. By name; `sinceMs`: when the replica was first used, by the database's clock.
   */
  readonly unproven: readonly { readonly node: string; readonly sinceMs: number }[]
  /** Whether it tells on which timeline it is. */
  readonly hasTimeline: boolean
  /** How far this machine's clock is behind its clock, in milliseconds; below 0: ahead of it. */
  readonly behindMs: number
}

/** The only way to change anything. */
export interface Commits {
  /** All or nothing. Calls that touch the same rows take effect in the order of the calls. */
  commit(change: Change): Promise<void>
}

/**
 * Reads see every change that was committed before they were called, through any node. Callers may call everything
 * concurrently. If a method throws anything other than StoreConflict and StoreUnavailable, that is a bug.
 */
export interface Store
  extends ObjectStore, TrustStore, AuditStore, SecretStore, InventoryStore, LeaseStore, MarkStore, Commits {
  health(): StoreHealth
  /** null: the store is its own database. */
  databaseFacts(): Promise<DatabaseFacts | null>
  close(): Promise<void>
}
