// The conditions under which a commit or the record of a read is valid, and its durability. The comments are contracts. No logic
// here.

import type { Fence } from './leases.ts'

/**
 * 'disk': durable on return, even after a power loss. 'process': survives a killed process on return, and a power
 * loss after accessFlushMs or the next 'disk' change, whichever comes first.
 */
export type Durability = 'disk' | 'process'

/** Conditions that must still be true when the change commits. `version: null`: the object must not exist. */
export interface Expectation {
  readonly trustVersion?: number
  /** This node must still have the lease. Otherwise StoreConflict('lease'). */
  readonly lease?: Fence
  /**
   * No two objects of this instance that are not destroyed may share a name. Otherwise StoreConflict('name'), which names one.
   */
  readonly uniqueNames?: string
  /** The expected number of the instance's objects, as `Usage` counts them. */
  readonly liveObjects?: { readonly instanceId: string; readonly count: number }
  /**
   * The change must not grow the instance beyond the limits: StoreConflict('objects-max') or ('bytes-max'). An instance
   * above a limit may still make changes that add nothing.
   */
  readonly limits?: { readonly instanceId: string; readonly objectsMax: number; readonly bytesMax: number }
  readonly objects?: readonly ObjectAsRead[]
}

/** The version that an object must still have. Null: it must not exist. */
export interface ObjectAsRead {
  readonly instanceId: string
  readonly uniqueIdentifier: string
  readonly version: number | null
}
