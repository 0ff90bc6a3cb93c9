// A second person's approval, which the commit of the act includes: the commit uses up the request.

import type { AuditEntry } from '../ports/audit.ts'
import type { Write } from '../ports/store.ts'
import type { Expectation } from '../ports/expectation.ts'
import type { TrustSnapshot } from './rows.ts'
import type { RowOf } from './rows.ts'

export interface Consent {
  /**
   * Decides by the rows that the commit expects. Throws TrustRefused if the request cannot be used. May be called again on newer
   * rows.
   */
  readonly along: (
    snapshot: TrustSnapshot,
    nowMs: number,
  ) => {
    readonly put: readonly RowOf[]
    readonly writes: readonly Write[]
    readonly entries: readonly AuditEntry[]
  }
  /** A further expectation of the commit: the facts on which both people decided have not changed since they were read. */
  readonly expect?: Expectation
  /** Whether a commit tried to include it. */
  readonly isUsed: () => boolean
}
