// Marks: each proves with a MAC that an identifier is destroyed, whatever the rows of its object say (design: invariant 6). The
// comments are contracts, which the store contract test checks for every implementation. No logic here.

import type { KeyObject } from 'node:crypto'

/** A mark in a list that only grows. The last mark of an identifier counts. An identifier without a mark is not destroyed. */
export interface StoredMark {
  /** 1 for the first mark of the store, and one more for each mark after it. */
  readonly number: number
  readonly instanceId: string
  readonly uniqueIdentifier: string
  /**
   * The time of the recovery clock until which the object can be brought back. 0 (`neverBack`): its material is gone for good. -1
   * (`isBack`): it was brought back, so it is not destroyed.
   */
  readonly dueMs: number
  /** A MAC over the fields above (core/audit/marks.ts). */
  readonly mac: Uint8Array
  /** SHA-256 over this mark and all marks before it (core/audit/marks.ts). */
  readonly digest: Uint8Array
}

export const neverBack = 0
export const isBack = -1

/** The end of the list. The digest covers all marks up to it. */
export interface MarksEnd {
  readonly number: number
  /** Lower-case hex. */
  readonly digest: string
}

/** A mark, compared with the rows of its object at the same moment. */
export interface MarkAsRead extends StoredMark {
  /**
   * True if this is the last mark of its identifier and the rows contradict it: the object has material, or can be brought back
   * for longer than the mark says.
   */
  readonly isPutBack: boolean
}

export interface MarkStore {
  /**
   * The server calls it once, before the first change. From then on a commit that destroys an object or brings it back appends a
   * mark with a MAC by this key. Without a key the store appends no marks.
   */
  openMarks(key: KeyObject): void
  /** In the order of their numbers. */
  marksAfter(number: number, limit: number): Promise<readonly MarkAsRead[]>
  /** Null: there are no marks. */
  marksEnd(): Promise<MarksEnd | null>
  /** The last mark of an identifier. Its MAC is not checked. */
  mark(instanceId: string, uniqueIdentifier: string): Promise<StoredMark | undefined>
  /** Destroyed objects without a mark, in the order of their creation. A program that knows no marks destroyed them. */
  unmarked(
    afterSequence: number,
    limit: number,
  ): Promise<
    readonly { readonly sequence: number; readonly instanceId: string; readonly uniqueIdentifier: string }[]
  >
}

export type MarkWrite =
  /**
   * Appends a mark for a destroyed identifier without one. Does nothing if the object lives, since it may have been brought back
   * after the caller read it.
   */
  | { readonly type: 'mark'; readonly instanceId: string; readonly uniqueIdentifier: string }
  /**
   * Signs all marks with another key and numbers them from 1, without the marks in `without`. `key`: the key that `openMarks`
   * gets from now on.
   */
  | { readonly type: 'marks-signed'; readonly key: KeyObject; readonly without: readonly number[] }
