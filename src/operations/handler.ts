// What an operation's handler is: a function from the request's values to the response's values. It sees no socket,
// no bytes and no logger; what it may do with keys it does through `work`, one unit of work that commits after it.

import type { OperationName, Request, Response } from '../kmip/operations.ts'
import type { Version } from '../kmip/version.ts'
import type { KeyWork } from '../keys/key-work.ts'
import type { Pace } from '../keys/pace.ts'

export interface Context {
  readonly work: KeyWork
  /** Of the request; the answer has nothing that this version lacks. */
  readonly version: Version
  readonly placeholder: IdPlaceholder
  /** Long work takes turns. */
  readonly pace: Pace
  /** The most bytes that the answer's payload may have. */
  readonly bytesMax: () => number
}

export type Handler<N extends OperationName> = (context: Context, request: Request<N>) => Promise<Response<N>>

/** The ID Placeholder: the object that the items before in the same batch spoke of last (KMIP 1.4 §4). */
export interface IdPlaceholder {
  /** Fault ObjectNotFound when neither the item nor the placeholder names an object. */
  resolve(uniqueIdentifier: Request<'Get'>['UniqueIdentifier']): string
  set(uniqueIdentifier: string | undefined): void
}
