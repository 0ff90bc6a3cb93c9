// The conditions under which a commit or the record of a read counts, and how durable it is on
// return. The comments are contracts. No logic here.

import type { Fence } from './leases.ts'

/**
 * 'disk': durable on return, even after a power loss. 'process': survives a killed process on return, and a power
 * loss after accessFlushMs or the next 'disk' change, whichever comes first.
 */
export type Durability = 'disk' | 'process'

/** The conditions that must still hold when the change commits. `version: null`: the object must not exist. */
export interface Expectation {
  readonly trustVersion?: number
  /** This node still has the lease: StoreConflict('lease'). */
  readonly lease?: Fence
  /** No two objects of this instance that are not destroyed share a name: StoreConflict('name'), which says one. */
  readonly uniqueNames?: string
  /** The number of the instance's objects as `Usage` counts them. */
  readonly liveObjects?: { readonly instanceId: string; readonly count: number }
  /**
   * The change must not grow the instance beyond the limits: StoreConflict('objects-max') or ('bytes-max'). An instance
   * above a limit may still make changes that add nothing.
   */
  readonly limits?: { readonly instanceId: string; readonly objectsMax: number; readonly bytesMax: number }
  readonly objects?: readonly ObjectAsRead[]
}

/** The version that an object must still have; null: it must not exist. */
export interface ObjectAsRead {
  readonly instanceId: string
  readonly uniqueIdentifier: string
  readonly version: number | null
}
