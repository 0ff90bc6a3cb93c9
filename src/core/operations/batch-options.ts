// The values that a door passes with a batch: the keys, the caller, the scheduler, room for the answer, and callbacks.

import type { OperationName } from '../../wire/kmip/operations.ts'
import type { MaybePromise } from '../../base/maybe-promise.ts'
import type { Caller } from '../trust/caller.ts'
import type { Keys } from '../keys/keys.ts'
import type { Clock } from '../ports/clock.ts'
import type { FetchUpstream } from '../keys/transaction/missing-object.ts'
import type { Pace } from '../keys/transaction/pace.ts'
import type { Asynchronous } from './asynchronous.ts'
import type { Endpoint, Provisioner } from './handler.ts'
import type { Pkcs11Uses } from './pkcs11-uses.ts'
import type { AnswerRoom } from './response-size.ts'
import type { ServerFacts } from './server-facts.ts'
import type { TicketSession } from './ticket-session.ts'

/** The result and duration of one item, for metrics. */
export interface OperationResult {
  readonly operation: OperationName | null
  /** `success`, `undone`, `pending`, or the result reason. */
  readonly result: string
  readonly seconds: number
}

export interface BatchOptions {
  readonly keys: Keys
  readonly server: ServerFacts
  /** Returns the caller as of now. Throws a Fault if the peer is no longer trusted. */
  readonly identify: () => MaybePromise<Caller>
  /** Gives turns between items. The message itself has already had its turn. */
  readonly pace: Pace
  readonly room: AnswerRoom
  /** Looks on the upstream for an object that the store does not have. */
  readonly fetchUpstream?: FetchUpstream | undefined
  /** Called for a bug or an outage, to log it with the request's id. The item's answer is General Failure without internals. */
  readonly unexpected: (error: unknown, operation: string) => void
  /** Logs a fact about a successful operation that administrators should know. */
  readonly warn: (message: string, facts: object) => void
  /** For an operation that is answered later: its own turns and its own room. */
  readonly later: () => Pick<BatchOptions, 'pace' | 'room'>
  readonly asynchronous: Asynchronous
  readonly pkcs11Uses: Pkcs11Uses
  readonly endpoint: Endpoint
  readonly provisioner: Provisioner
  /** Absent in 1.x, which has no tickets. */
  readonly session?: TicketSession | undefined
  readonly onOperation: (result: OperationResult) => void
  readonly clock: Clock
}
