// The anchor: a small file beside the store that records the store's progress at its last sync. A store that somebody
// set back to an older state no longer agrees with it. The comments are contracts. No logic here.

import type { KeyObject } from 'node:crypto'
import type { WriterHead } from './audit.ts'
import type { MarksEnd } from './marks.ts'

/** The store's progress at a commit that is on the disk. */
export interface AnchorPosition {
  readonly trustVersion: number
  /** The last checkpoint of the audit log; null before the first. */
  readonly checkpoint: CheckpointMark | null
  /** The last entry of each writer that no later writer's first entry names. With SQLite at most one. */
  readonly heads: readonly WriterHead[]
  /** Where the marks end; null: there are none, or a version that knew no marks wrote the anchor. */
  readonly marks: MarksEnd | null
  /** The newest timeline that was seen; left out where the database has none. */
  readonly timeline?: Timeline
}

/** PostgreSQL counts how often a replica took the place of its primary. Only timelines of one cluster can be compared. */
export interface Timeline {
  readonly cluster: string
  readonly number: number
}

interface CheckpointMark {
  readonly number: number
  /** SHA-256 of the checkpoint's body, lower-case hex. */
  readonly sha256: string
}

export interface Anchor extends AnchorPosition {
  /** Rises with each write. Of two valid slots the higher one counts. */
  readonly sequence: number
}

export type AnchorVerdict =
  /** There is no anchor, and none is needed yet. */
  | { readonly state: 'new' }
  | { readonly state: 'agrees'; readonly anchor: Anchor }
  | { readonly state: 'missing' }
  /** There is a file, but none of its slots was written under this store's MAC key. */
  | { readonly state: 'unreadable' }
  /** It was written under a MAC key that the owner replaced since, as they accepted the database on another node. */
  | { readonly state: 'accepted-elsewhere'; /** The place in `replaced`. */ readonly replaced: number }
  /** The database has not all that another node was answered, as that node has found. */
  | { readonly state: 'lacking' }
  /** The store lacks something that the anchor names. `findings`: parts of a sentence, for people. */
  | { readonly state: 'older'; readonly anchor: Anchor; readonly findings: readonly string[] }

/** A store that keeps an anchor while it is open. */
export interface AnchoredStore {
  /** The path of the anchor, whether or not it exists. */
  readonly anchorFile: string
  /** Whether the file exists. */
  hasAnchor(): boolean
  /**
   * Compares the store with its anchor. `needed`: the anchor must exist (for a SQLite store that was used before; with
   * several nodes, for a node whose name the store knows). `keep`: if nothing is wrong, the anchor follows every synced
   * commit from now on. `anew`: it does so in a new file, whatever was found, and other nodes need theirs no more. `own`: the
   * same for this node alone, and only if the database was accepted on another node. Throws StoreUnavailable if the
   * file cannot be read or created.
   */
  anchor(key: KeyObject, how: AnchorUse): Promise<AnchorVerdict>
}

export interface AnchorUse {
  readonly needed: boolean
  readonly mode: 'look' | 'keep' | 'anew' | 'own'
  /** The keys of anchors before this one, which the owner replaced by accepting the database. Left out: none. */
  readonly replaced?: readonly KeyObject[]
}
