// The anchor, a small file beside the store that names how far the store had come when it was last synced. A store that
// was set back to an older state no longer agrees with it. The comments are contracts. No logic here.

import type { KeyObject } from 'node:crypto'
import type { WriterHead } from './audit.ts'

/** How far the store had come at a commit that is on the disk. */
export interface AnchorPosition {
  readonly trustVersion: number
  /** The last checkpoint of the audit log; null before the first. */
  readonly checkpoint: CheckpointMark | null
  /** The last entry of each writer that no later writer's first entry names: with SQLite one, or none. */
  readonly heads: readonly WriterHead[]
}

interface CheckpointMark {
  readonly number: number
  /** Of the checkpoint's body, lower-case hex. */
  readonly sha256: string
}

export interface Anchor extends AnchorPosition {
  /** Rises with each write; the higher of two valid slots counts. */
  readonly sequence: number
}

export type AnchorVerdict =
  /** There is no anchor, and none is needed yet. */
  | { readonly state: 'new' }
  | { readonly state: 'agrees'; readonly anchor: Anchor }
  | { readonly state: 'missing' }
  /** There is a file, but no slot of it was written under this store's MAC key. */
  | { readonly state: 'unreadable' }
  /** The store lacks what the anchor names. `findings`: parts of a sentence, for people. */
  | { readonly state: 'older'; readonly anchor: Anchor; readonly findings: readonly string[] }

/** A store that keeps an anchor for as long as it is open. */
export interface AnchoredStore {
  /** Where the anchor is or would be. */
  readonly anchorFile: string
  /** Whether anything is there. */
  hasAnchor(): boolean
  /**
   * Compares the store with its anchor. `needed`: an anchor must be there (a SQLite store that was used; of several
   * nodes, one whose name the store knows). `keep`: when nothing is wrong, the anchor follows every synced commit from
   * now on. `anew`: it does so whatever was found, in a new file. Throws StoreUnavailable when the file cannot be
   * read or made.
   */
  anchor(key: KeyObject, how: AnchorUse): Promise<AnchorVerdict>
}

export interface AnchorUse {
  readonly needed: boolean
  readonly mode: 'look' | 'keep' | 'anew'
}
