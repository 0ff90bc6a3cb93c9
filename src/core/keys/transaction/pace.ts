// Long work shares the one thread of the server by pausing. The interface between the work and whoever decides when it
// may go on (doors/admission/turns.ts).

import type { MaybePromise } from '../../../base/maybe-promise.ts'

export interface Pace {
  /** Whether the turn has been used up (turnMs): work that goes on waits for another. */
  readonly spent: boolean
  /**
   * Resolves when it is this request's turn. Throws the Fault OperationCanceledByRequester if nobody waits for the
   * answer any more.
   */
  turn(): MaybePromise<void>
  /** Aborts when nobody waits for the answer any more. */
  readonly abandoned?: AbortSignal
}

/** For work that never pauses. */
export const unhurried: Pace = { spent: false, turn: () => {} }
