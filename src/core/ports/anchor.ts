// The anchor: a small file beside the store that records the store's progress at its last sync. A store that was set back to an
// older state no longer agrees with it. The comments are contracts. No logic here.

import type { KeyObject } from 'node:crypto'
import type { WriterHead } from './audit.ts'
import type { MarksEnd } from './marks.ts'

/** The store's progress at a commit that is on the disk. */
export interface AnchorPosition {
  readonly trustVersion: number
  /** The last checkpoint of the audit log. Null before the first one. */
  readonly checkpoint: CheckpointMark | null
  /**
   * The last entry of each writer, without writers whose last entry a later writer's first entry names. With SQLite at most one.
   */
  readonly heads: readonly WriterHead[]
  /** The end of the marks. Null: there are no marks, or a version that knew no marks wrote the anchor. */
  readonly marks: MarksEnd | null
  /** The newest timeline that this node has seen. Absent if the database has no timelines. */
  readonly timeline?: Timeline
}

/** PostgreSQL's count of how often a replica replaced its primary. Only timelines of one cluster can be compared. */
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
  /** Increases with each write. The valid slot with the higher number counts. */
  readonly sequence: number
}

export type AnchorVerdict =
  /** There is no anchor, and the store does not need one yet. */
  | { readonly state: 'new' }
  | { readonly state: 'agrees'; readonly anchor: Anchor }
  | { readonly state: 'missing' }
  /** The file exists, but no slot has a MAC of this store's key. */
  | { readonly state: 'unreadable' }
  /** Its MAC is of a key that the owner replaced by accepting the database on another node. */
  | { readonly state: 'accepted-elsewhere'; /** The place in `replaced`. */ readonly replaced: number }
  /** Another node found that the database lacks commits that this other node had confirmed to its clients. */
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
   * Compares the store with its anchor. `needed`: the anchor must exist (for a SQLite store that was used before; with several
   * nodes, for a node whose name the store knows). `keep`: if nothing is wrong, the anchor follows every synced commit from now
   * on. `anew`: the store begins a new file for the anchor, whatever the comparison found, and the other nodes need no anchor.
   * `own`: the anchor of this node alone begins as a new file, and only if the database was accepted on another node. Throws
   * StoreUnavailable if the file cannot be read or created.
   */
  anchor(key: KeyObject, how: AnchorUse): Promise<AnchorVerdict>
}

export interface AnchorUse {
  readonly needed: boolean
  readonly mode: 'look' | 'keep' | 'anew' | 'own'
  /** The earlier keys of anchors, which the owner replaced by accepting the database. Absent: none. */
  readonly replaced?: readonly KeyObject[]
}
