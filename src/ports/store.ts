// The store: four parts (objects, trust, audit, secrets), and the one commit that spans them. The comments are contracts;
// the store contract test holds every implementation to them. Only the two errors are code.

import type { AuditEntry, AuditStore, AuditWrite } from './audit.ts'
import type { ObjectStore, ObjectWrite } from './objects.ts'
import type { SecretStore, SecretWrite } from './secrets.ts'
import type { TrustStore, TrustWrite } from './trust.ts'

/** What must still be true when the change commits. `version: null`: the object must not exist. */
export interface Expectation {
  readonly trustVersion?: number
  /** The number of the instance's objects that are not destroyed. */
  readonly liveObjects?: { readonly instanceId: string; readonly count: number }
  /**
   * With this change the instance does not grow beyond the limits: StoreConflict('objects-max') or ('bytes-max').
   * It may hold more already, as long as the change does not add to it.
   */
  readonly limits?: { readonly instanceId: string; readonly objectsMax: number; readonly bytesMax: number }
  readonly objects?: readonly {
    readonly instanceId: string
    readonly uniqueIdentifier: string
    readonly version: number | null
  }[]
}

export type Write = ObjectWrite | TrustWrite | AuditWrite | SecretWrite

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

/** An expectation failed (`what`), and the store did nothing of the change. */
export class StoreConflict extends Error {
  override readonly name = 'StoreConflict'
  readonly what:
    | 'object'
    | 'trust'
    | 'name'
    | 'secret'
    | 'checkpoint'
    | 'data-key'
    | 'standard-key'
    | 'objects-max'
    | 'bytes-max'
  constructor(what: StoreConflict['what'], message: string) {
    super(message)
    this.what = what
  }
}

/** The store did nothing of the change: the disk has no room ('full'), or nobody can use it now ('unavailable', 'busy'). */
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
  /** Why the store refuses changes at the moment, in words for people; null when it accepts them. */
  readonly reason: string | null
}

/** The only way to change anything. */
export interface Commits {
  /** All or nothing, in the order of the calls where they touch the same rows. */
  commit(change: Change): Promise<void>
}

/**
 * Reads see every change committed before they were called, through any node. Callers may call everything concurrently.
 * Anything else than StoreConflict and StoreUnavailable that it throws is a bug.
 */
export interface Store extends ObjectStore, TrustStore, AuditStore, SecretStore, Commits {
  health(): StoreHealth
  close(): Promise<void>
}
