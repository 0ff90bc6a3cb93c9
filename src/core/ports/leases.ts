// Leases: among several nodes on one store, one node does each kind of background work. A lease has a number, the fence, which
// increases each time that a node takes the lease. A commit that names an old fence fails, so a node that slept through its lease
// writes nothing. Work runs under its lease (`underLease`): every commit of the work, in any room, names the lease automatically.
// The comments are contracts.

import { AsyncLocalStorage } from 'node:async_hooks'

/** The part of a lease that a commit names. */
export interface Fence {
  readonly name: string
  readonly fence: number
}

export interface LeaseRecord extends Fence {
  /** The node that has it. Null: it was given back. */
  readonly holder: string | null
  /** How long it still lasts, by the store's own clock (isLeaseOver). */
  readonly leftMs: number
}

/**
 * Whether a node may take the lease, for `forMs`. A lease that lasts far longer means that the store's clock was set back, since
 * a living holder renews its lease by that clock. A small step back ends no lease.
 */
export function isLeaseOver(leftMs: number, forMs: number): boolean {
  return leftMs <= 0 || leftMs > 2 * forMs
}

/** The facts that a node reports about itself. */
export interface NodeSign {
  readonly name: string
  readonly version: string
  /** The address at which clients on other machines may reach it: HOST:PORT. */
  readonly kmip: string
  readonly startedMs: number
}

export interface NodeRecord extends NodeSign {
  /** The age of its last sign, by the store's own clock. If the clock was set back since: how far ahead the sign is. */
  readonly agoMs: number
}

/** StoreConflict('lease') refuses each of the first three if its condition is not met. */
export type LeaseWrite =
  /** Takes the lease with the next fence. Condition: it is new (fence 1), was given back, has run out, or is the holder's own. */
  | {
      readonly type: 'lease-taken'
      readonly name: string
      readonly holder: string
      readonly fence: number
      readonly forMs: number
    }
  /** Condition: no other node has taken it since. It may be over. */
  | { readonly type: 'lease-renewed'; readonly name: string; readonly fence: number; readonly forMs: number }
  | { readonly type: 'lease-returned'; readonly name: string; readonly fence: number }
  | { readonly type: 'node-sign'; readonly node: NodeSign }
  /** The node stops in order. */
  | { readonly type: 'node-gone'; readonly name: string }

export interface LeaseStore {
  /** The name of this node. Null: no other process uses the store, so no lease needs to end by itself. */
  readonly node: string | null
  /** All leases that a node ever took, by name. */
  leases(): Promise<readonly LeaseRecord[]>
  /** The nodes that have reported and have not stopped in order since, by name. */
  nodes(): Promise<readonly NodeRecord[]>
}

/** A lease that this node has taken. */
export interface Lease extends Fence {
  /** False: it is over, or was taken or given back. No work may begin under it any more. */
  isHeld(): boolean
}

interface Work {
  readonly fence: Fence
  isOver: boolean
}

const running = new AsyncLocalStorage<Work | undefined>()

/**
 * Runs work whose commits fail with LeaseElsewhere when another node has taken the lease or it was given back. Tasks that the
 * work leaves running when it ends do not belong to it any more.
 */
export async function underLease<T>({ name, fence }: Fence, work: () => Promise<T>): Promise<T> {
  const one: Work = { fence: { name, fence }, isOver: false }
  try {
    return await running.run(one, work)
  } finally {
    one.isOver = true
  }
}

/** Runs work outside any lease, for work that several kinds share, such as a queue that the first of them starts. */
export function apartFromLease<T>(work: () => T): T {
  return running.run(undefined, work)
}

/** The fence that a commit of the running work must name. Undefined: it runs under no lease. */
export function fenceOfWork(): Fence | undefined {
  const work = running.getStore()
  return work?.isOver === false ? work.fence : undefined
}

/** The part of leases that background work needs. */
export interface Leases {
  /**
   * Takes the lease, or keeps it, and renews it until it is given back. Undefined: another node has it. Throws StoreUnavailable.
   */
  hold(name: LeaseName): Promise<Lease | undefined>
  /** Never rejects. A lease that cannot be given back now runs out later. */
  giveBack(lease: Lease): Promise<void>
}

/**
 * The name of a kind of work that one node does at a time. Nodes of other versions know a lease by it, so it stays. Only one folder
 * names a lease: two kinds of work under one name would wait for each other (test/tidy.test.ts).
 */
export type LeaseName = string

/** Another node does this kind of work now. The running work lost its lease, or did not get it. */
export class LeaseElsewhere extends Error {
  override readonly name = 'LeaseElsewhere'
  constructor(options?: ErrorOptions) {
    super('another node of this server is at such work', options)
  }
}
