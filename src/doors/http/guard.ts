// The part of a route that may need a second person: which of the configured acts it is, which instance the second person must reach to
// decide about it, and the facts that both people decide on. The route's own handler carries it out, as where no act is guarded.

import type { GuardedAct } from '../../core/ports/guarded-acts.ts'
import type { Approval } from '../../core/trust/approval.ts'
import type { Instance } from '../../core/trust/rows.ts'
import type { RouteRequest } from './route-request.ts'
import type { AnyRouteRequest } from './route-request.ts'

export type ActFacts = Approval['facts']

interface Flags {
  /** Its commit fails if the instance holds another number of objects than when the facts were read. */
  readonly countsObjects?: true
  /** Fields of the body that no row may show. */
  readonly secrets?: readonly string[]
  /** The act takes longer than one commit: it is approved first, and carried out in the background. */
  readonly isLong?: true
  /** The answer is a download: the act is approved first, and carried out when its asker sends the same request again. */
  readonly isRepeated?: true
  /** The act makes a token, whose text only its asker may read: the server makes it when the act is asked for. */
  readonly makesToken?: true
}

export interface Guard<R, Own> extends Flags {
  /** The acts of which one must be guarded for this request to wait; empty: it never waits. */
  readonly acts: (request: RouteRequest<R>) => readonly GuardedAct[]
  /** The instance that the second person must reach; null: all instances. */
  readonly reach: (own: Own, request: RouteRequest<R>) => Promise<string | null>
  /**
   * The facts that both people decide on, by their names. Throws Refusal if the act could not be carried out now. Asked again before the act:
   * nothing in it may change by itself.
   */
  readonly facts: (own: Own, request: RouteRequest<R>) => Promise<ActFacts>
}

/** The guard of a feature that is open. */
export interface OpenGuard extends Flags {
  readonly acts: (request: AnyRouteRequest) => readonly GuardedAct[]
  readonly reach: (request: AnyRouteRequest) => Promise<string | null>
  readonly facts: (request: AnyRouteRequest) => Promise<ActFacts>
}

/** The reach of acts on the server itself. */
export const serverReach = (): Promise<null> => Promise.resolve(null)

/** The reach of acts on the instance that the path names. */
export const ofInstance = (_own: unknown, { instance }: { readonly instance: Instance }): Promise<string> =>
  Promise.resolve(instance.id)

/** A fact that may be missing. */
export function named(name: string, value: string | null | undefined): ActFacts {
  return value === undefined || value === null ? {} : { [name]: value }
}
