// The changes of one transaction share this: facts that were read, work for after the commit, and how marks are signed.

import type { KeyObject } from 'node:crypto'
import type { MarksEnd } from '../../../core/ports/marks.ts'
import type { Effects } from './effects.ts'
import type { GroupFacts } from './group-facts.ts'

export interface Group {
  readonly facts: GroupFacts
  readonly effects: Effects
  readonly marks: MarkSigning
}

/** How a writer signs the marks that it appends. */
export interface MarkSigning {
  /** undefined: it appends none. */
  readonly key: KeyObject | undefined
  /**
   * The furthest end of the list that this writer knows. If the database has less, somebody removed marks: new marks take numbers
   * above it, so that the gap shows.
   */
  readonly end: MarksEnd | null
}
