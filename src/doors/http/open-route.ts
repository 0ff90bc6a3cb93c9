// A route as the server answers it: its line of the table, with the handler and the guard of its open feature.

import type { AnyRouteRequest } from './route-request.ts'
import type { OpenGuard } from './guard.ts'
import type { Route } from './route.ts'

/** A route that is served, with the parts of its open feature. */
export interface OpenRoute {
  readonly line: Route
  readonly handle: (request: AnyRouteRequest) => Promise<unknown>
  /** undefined: the route never waits for a second person. */
  readonly guard: OpenGuard | undefined
}

/** By the names of the routes. */
export type OpenRoutes = ReadonlyMap<string, OpenRoute>
