// Marks: each says with a MAC that an identifier is destroyed, whatever the rows of its object say (design: invariant 6). The
// comments are contracts; the store contract test holds every implementation to them. No logic here.

import type { KeyObject } from 'node:crypto'

/** One of a list that only grows. The last mark of an identifier counts; an identifier without one is not destroyed. */
export interface StoredMark {
  /** 1 for the first mark of the store, and one more for each mark after it. */
  readonly number: number
  readonly instanceId: string
  readonly uniqueIdentifier: string
  /**
   * Until when the object can be brought back, by the recovery clock. 0 (`neverBack`): its material is gone for good.
   * -1 (`isBack`): it was brought back, so it is not destroyed.
   */
  readonly dueMs: number
  /** Covers the fields above; core/audit/marks.ts. */
  readonly mac: Uint8Array
  /** SHA-256 over this mark and all marks before it; core/audit/marks.ts. */
  readonly digest: Uint8Array
}

export const neverBack = 0
export const isBack = -1

/** Where the list ends. The digest covers all marks up to there. */
export interface MarksEnd {
  readonly number: number
  /** Lower-case hex. */
  readonly digest: string
}

/** A mark with what its object's rows say at the same moment. */
export interface MarkAsRead extends StoredMark {
  /**
   * It is the last mark of its identifier, and the rows say less: the object has material, or can be brought back for longer
   * than the mark says.
   */
  readonly isPutBack: boolean
}

export interface MarkStore {
  /**
   * Call it once, before the first change. From then on a commit that destroys an object or brings it back appends a mark under
   * this key. Without a key the store appends no marks.
   */
  openMarks(key: KeyObject): void
  /** In the order of their numbers. */
  marksAfter(number: number, limit: number): Promise<readonly MarkAsRead[]>
  /** null: there are no marks. */
  marksEnd(): Promise<MarksEnd | null>
  /** The last mark of an identifier. Its MAC is not checked. */
  mark(instanceId: string, uniqueIdentifier: string): Promise<StoredMark | undefined>
  /** Destroyed objects without a mark, in the order of their creation: a program that knows no marks destroyed them. */
  unmarked(
    afterSequence: number,
    limit: number,
  ): Promise<
    readonly { readonly sequence: number; readonly instanceId: string; readonly uniqueIdentifier: string }[]
  >
}

export type MarkWrite =
  /**
   * Appends a mark for a destroyed identifier that has none. Does nothing if the object lives: it may have been brought back since
   * the caller read that it is destroyed.
   */
  | { readonly type: 'mark'; readonly instanceId: string; readonly uniqueIdentifier: string }
  /**
   * Signs all marks under another key and numbers them from 1, but removes those of `without`. `key`: the one that
   * `openMarks` will be called with from now on.
   */
  | { readonly type: 'marks-signed'; readonly key: KeyObject; readonly without: readonly number[] }
