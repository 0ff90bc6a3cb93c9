// Leases: of several nodes on one store one does each kind of background work. A lease has a number, the fence, which rises each
// time that the lease is taken; a commit that names it fails once the lease was taken again. So a node that slept through its
// lease writes nothing. Work runs under its lease (`underLease`), and every commit that it makes on the way, in whichever
// room, names the lease by itself. The comments are contracts.

import { AsyncLocalStorage } from 'node:async_hooks'

/** A lease as a commit names it. */
export interface Fence {
  readonly name: string
  readonly fence: number
}

export interface LeaseRecord extends Fence {
  /** The node that has it; null: it was given back. */
  readonly holder: string | null
  /** By the store's own clock; see isLeaseOver. */
  readonly leftMs: number
}

/**
 * Whether anybody may take it, for `forMs`. Far more left than that says that the store's clock was set back: a holder that lives
 * renews its lease by that clock. A small step back takes no lease from anybody.
 */
export function isLeaseOver(leftMs: number, forMs: number): boolean {
  return leftMs <= 0 || leftMs > 2 * forMs
}

/** A node says this of itself. */
export interface NodeSign {
  readonly name: string
  readonly version: string
  /** Where its clients on other machines may reach it: HOST:PORT. */
  readonly kmip: string
  readonly startedMs: number
}

export interface NodeRecord extends NodeSign {
  /** How long ago it last gave a sign, by the store's own clock; how far ahead that was, where the clock was set back since. */
  readonly agoMs: number
}

/** StoreConflict('lease') refuses each of the first three if what its comment says does not hold. */
export type LeaseWrite =
  /** The next fence of a lease that is new (1), was given back, has run out, or is the holder's own. */
  | {
      readonly type: 'lease-taken'
      readonly name: string
      readonly holder: string
      readonly fence: number
      readonly forMs: number
    }
  /** Nobody has taken it since; also when its time is over. */
  | { readonly type: 'lease-renewed'; readonly name: string; readonly fence: number; readonly forMs: number }
  | { readonly type: 'lease-returned'; readonly name: string; readonly fence: number }
  | { readonly type: 'node-sign'; readonly node: NodeSign }
  /** It stops in order. */
  | { readonly type: 'node-gone'; readonly name: string }

export interface LeaseStore {
  /** The name of this node; null: no other process uses the store, so no lease needs to end by itself. */
  readonly node: string | null
  /** All that were ever taken, by name. */
  leases(): Promise<readonly LeaseRecord[]>
  /** The nodes that have given a sign and did not stop in order since, by name. */
  nodes(): Promise<readonly NodeRecord[]>
}

/** A lease that this node has taken. */
export interface Lease extends Fence {
  /** False: its time is over, or it was taken or given back. Nothing more may be begun under it. */
  isHeld(): boolean
}

interface Work {
  readonly fence: Fence
  isOver: boolean
}

const running = new AsyncLocalStorage<Work | undefined>()

/**
 * Runs work whose commits fail with LeaseElsewhere once the lease was taken again or given back. What the work leaves running
 * behind it when it has ended is no part of it any more.
 */
export async function underLease<T>({ name, fence }: Fence, work: () => Promise<T>): Promise<T> {
  const one: Work = { fence: { name, fence }, isOver: false }
  try {
    return await running.run(one, work)
  } finally {
    one.isOver = true
  }
}

/** Runs work outside any lease: work that several kinds share, such as a queue that the first of them starts. */
export function apartFromLease<T>(work: () => T): T {
  return running.run(undefined, work)
}

/** The fence that a commit of the running work must name; undefined: it is under no lease. */
export function fenceOfWork(): Fence | undefined {
  const work = running.getStore()
  return work?.isOver === false ? work.fence : undefined
}

/** Background work needs this of leases. */
export interface Leases {
  /** Takes it, or keeps it; renewed by itself until it is given back. undefined: another node has it. Throws StoreUnavailable. */
  hold(name: LeaseName): Promise<Lease | undefined>
  /** Never rejects. A lease that cannot be given back now runs out. */
  giveBack(lease: Lease): Promise<void>
}

/** The kinds of work that one node does at a time. */
export type LeaseName =
  | 'instance-work'
  | 'standard-keys'
  | 'recovery'
  | 'backups'
  | 'audit-prune'
  | 'siem'
  | 'inventory'
  | 'restore'
  | 'adoption'
  | 'approved-acts'

/** Another node does this kind of work now. The running work has lost its lease, or got none. */
export class LeaseElsewhere extends Error {
  override readonly name = 'LeaseElsewhere'
  constructor(options?: ErrorOptions) {
    super('another node of this server is at such work', options)
  }
}
