// The commit of an act that a second person approves takes this along: it uses up the request in the same commit.

import type { AuditEntry } from '../ports/audit.ts'
import type { Write } from '../ports/store.ts'
import type { Expectation } from '../ports/expectation.ts'
import type { TrustSnapshot } from './rows.ts'
import type { RowOf } from './rows.ts'

export interface Consent {
  /**
   * Decides on the rows that the commit expects. Throws TrustRefused if the request cannot be used, and may be called again on
   * newer rows.
   */
  readonly along: (
    snapshot: TrustSnapshot,
    nowMs: number,
  ) => {
    readonly put: readonly RowOf[]
    readonly writes: readonly Write[]
    readonly entries: readonly AuditEntry[]
  }
  /** A change of trust expects this besides: it was so when the facts were read that both people decided on. */
  readonly expect?: Expectation
  /** Whether a commit was to take it along. */
  readonly isUsed: () => boolean
}
