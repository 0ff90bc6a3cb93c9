// The request that a handler of the admin API gets: its asker, and its parts as the route's schemas checked them.

import type { Turns } from '../../base/parts.ts'
import type { Actor } from '../../core/ports/audit.ts'
import type { Caller } from '../../core/trust/caller.ts'
import type { Grantor } from '../../core/trust/grantor.ts'
import type { Login } from '../../core/trust/people.ts'
import type { Person } from '../../core/trust/person.ts'
import type { Instance, Token } from '../../core/trust/rows.ts'
import type { AdminSession } from '../../core/trust/sessions.ts'
import type { CheckedInput } from './route.ts'

/** The party that made the request, as its token or session says. */
export interface ApiRequester {
  readonly actor: Actor
  /** The actor with the request id and the reach of the token, for changes. */
  readonly by: Grantor
  /**
   * null: all instances. Without meaning on public routes. A person may have roles in several instances without having one in all:
   * then it is the first of them, or the one that the path names, and `sees` says which the others are.
   */
  readonly instanceId: string | null
  /** Whether an instance is there, for this asker and this route. */
  readonly sees: (instanceId: string) => boolean
  readonly requestId: string
  /** The Host header: a name by which the server knows itself. */
  readonly host: string
  /** null on public routes, and for a person. */
  readonly token: Token | null
  /** The access of a person who logged in through the identity provider; null: the request carries a token, or its session. */
  readonly login: Login | null
  /** The person who asks, whatever the request carries; null: unknown. */
  readonly person: Person | null
  /** null: the request carries the token itself. */
  readonly session: AdminSession | null
  /** The hash of the text of the token that the request makes; left out: the text is made now. */
  readonly tokenSha256?: string
  /** Checks the token or session again, and returns it as the caller for the keys of an instance. */
  readonly identify: (instanceId: string) => Promise<Caller>
}

/** A request to the route `R`, as its handler gets it. */
export interface RouteRequest<R> {
  readonly asker: ApiRequester
  /** The instance that the path names, on routes with the scope 'instance'. */
  readonly instance: R extends { readonly scope: 'instance' } ? Instance : undefined
  readonly params: CheckedInput<R>['params']
  readonly query: CheckedInput<R>['query']
  readonly body: CheckedInput<R>['body']
  /** Long work waits for the next turn of the request where it has used one up: clients of KMIP and other requests go first. */
  readonly pace: Turns
}

/** A request to a route that is known by its name alone. */
export type AnyRouteRequest = Pick<RouteRequest<unknown>, 'asker' | 'pace'> & {
  readonly instance: RouteRequest<{ readonly scope: 'instance' }>['instance'] | undefined
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
}
