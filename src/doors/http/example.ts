// An example of a request and its answer, for the description of the API. Each feature has those of its routes.

import type { Input, Output, Route } from './route.ts'

type Body<R extends Route> = 'body' extends keyof Input<R>
  ? { readonly body: Exclude<Input<R>['body'], undefined> }
  : object
type Answer<R extends Route> = Output<R> extends AsyncIterable<string | Uint8Array> ? string : Output<R>

export type Example<R extends Route> = Body<R> & { readonly answer: Answer<R> }

/** An example of each route of a table. A route without one does not compile. */
export type Examples<T> = { readonly [N in keyof T]: T[N] extends Route ? Example<T[N]> : never }

/** By the route's name. */
export type SomeExamples = Readonly<Record<string, { readonly answer: unknown; readonly body?: unknown }>>
