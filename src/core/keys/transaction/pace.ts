// Long work shares the one thread of the server by pausing. This is the interface between the work and the scheduler
// (doors/admission/turns.ts).

import type { MaybePromise } from '../../../base/maybe-promise.ts'

export interface Pace {
  /** Whether the turn is used up (turnMs): the work must wait for another one before it continues. */
  readonly spent: boolean
  /** Resolves when it is this request's turn. Throws the Fault OperationCanceledByRequester if the client stops waiting. */
  turn(): MaybePromise<void>
  /** Aborts when the client stops waiting for the answer. */
  readonly abandoned?: AbortSignal
}

/** For work that never pauses. */
export const unhurried: Pace = { spent: false, turn: () => {} }
