// The things that the changes of one transaction share: facts read from the database, work for after the commit, and how marks are
// signed (core/ports/marks.ts).

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
  /** undefined: the writer appends no marks. */
  readonly key: KeyObject | undefined
  /**
   * The furthest end of the marks that this writer knows. If the database's end is lower, marks were removed from it. New marks
   * take numbers above this end, so that the gap shows.
   */
  readonly end: MarksEnd | null
}
