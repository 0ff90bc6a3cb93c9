// Leases: of several nodes on one store one does each kind of background work. A lease has a number, the fence, which rises each
// time that the lease is taken; a commit that names it fails once the lease was taken again. So a node that slept through its
// lease writes nothing. The comments are contracts. Only `fenceOf` and the error are code.

/** A lease as a commit names it. */
export interface Fence {
  readonly name: string
  readonly fence: number
}

export interface LeaseRecord extends Fence {
  /** The node that has it; null: it was given back. */
  readonly holder: string | null
  /** By the store's own clock; not above 0: anybody may take it. */
  readonly leftMs: number
}

/** Each of the three is refused with StoreConflict('lease') if it is not so. */
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

export interface LeaseStore {
  /** The name of this node; null: no other process uses the store, so no lease needs to end by itself. */
  readonly node: string | null
  /** All that were ever taken, by name. */
  leases(): Promise<readonly LeaseRecord[]>
}

/** A lease that this node has taken. */
export interface Lease extends Fence {
  /** False: its time is over, or it was taken or given back. Nothing more may be begun under it. */
  isHeld(): boolean
}

/** As a commit takes it, which may go to another thread. */
export function fenceOf({ name, fence }: Lease): Fence {
  return { name, fence }
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
  'instance-work' | 'standard-keys' | 'recovery' | 'backups' | 'audit-prune' | 'restore' | 'adoption'

/** Another node does this kind of work now. */
export class LeaseElsewhere extends Error {
  override readonly name = 'LeaseElsewhere'
}
