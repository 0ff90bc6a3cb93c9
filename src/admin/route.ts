// What one line of the route table says, and the types that server and client take from it. No routes are here:
// those are in api.ts.

import { createRoute, z, type RouteConfig } from '@hono/zod-openapi'
import { errorAnswer } from './errors.ts'

export const roles = ['viewer', 'operator', 'manager'] as const
export type Role = (typeof roles)[number]

/**
 * Which tokens a route is for, besides the role they need.
 * 'public': no token. 'server': tokens for all instances only. 'instance': the path names an instance; a token of
 * another instance is told that there is none. 'any': any token; the handler shows each only what is its own.
 */
export type Scope = 'public' | 'server' | 'instance' | 'any'

export type Media = 'application/json' | 'text/plain' | 'application/x-ndjson'

export interface Route<
  Path extends string = string,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType,
  M extends Media = Media,
  Reach extends Scope = Scope,
> {
  readonly method: 'get' | 'post' | 'patch' | 'delete'
  readonly path: Path
  readonly role: Role
  readonly scope: Reach
  readonly summary: string
  /** Schemas; z.undefined() for what a route does not take. */
  readonly params: z.ZodType
  readonly query: Query
  readonly body: Body
  readonly answer: Answer
  /** text/plain answers are strings, application/x-ndjson ones a stream of lines. */
  readonly media: M
  readonly status: 200 | 201
  /** May take minutes: a client waits for it. */
  readonly slow: boolean
  readonly openapi: RouteConfig
}

type PathParams<Path> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | PathParams<Rest> : never

/** What a caller of the client gives: path parameters, and query and body where the route has them. */
export type Input<R> =
  R extends Route<infer Path, infer Query, infer Body>
    ? { readonly [Name in PathParams<Path>]: string } & Part<'query', Query> & Part<'body', Body>
    : never
type Part<Name extends string, S extends z.ZodType> =
  z.input<S> extends undefined
    ? unknown
    : Partial<z.input<S>> extends z.input<S>
      ? { readonly [N in Name]?: z.input<S> }
      : { readonly [N in Name]: z.input<S> }

/** What a handler gets of it, checked. */
export type Checked<R> =
  R extends Route<infer Path, infer Query, infer Body>
    ? {
        readonly params: { readonly [Name in PathParams<Path>]: string }
        readonly query: z.output<Query>
        readonly body: z.output<Body>
      }
    : never

/** What a handler returns and the client hands on. */
export type Output<R> =
  R extends Route<string, z.ZodType, z.ZodType, infer Answer, infer M>
    ? M extends 'application/x-ndjson'
      ? AsyncIterable<string>
      : z.output<Answer>
    : never

/** What a route does not take. */
export const none = z.undefined()

/** A line of the table, completed: the OpenAPI description is made from the same words. */
export function route<
  const Path extends string,
  Answer extends z.ZodType,
  const Reach extends Scope,
  Query extends z.ZodType = typeof none,
  Body extends z.ZodType = typeof none,
  const M extends Media = 'application/json',
>(line: {
  readonly method: Route['method']
  readonly path: Path
  readonly role: Role
  readonly scope: Reach
  readonly summary: string
  readonly query?: Query
  readonly body?: Body
  readonly answer: Answer
  readonly media?: M
  readonly status?: 200 | 201
  readonly slow?: boolean
}): Route<Path, Query, Body, Answer, M, Reach> {
  const { status = 200, slow = false } = line
  const media = line.media ?? 'application/json'
  const names = [...line.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
  const params = z.object(Object.fromEntries(names.map((name) => [name, pathParameter(name)])))
  const openapi = createRoute({
    method: line.method,
    path: line.path,
    summary: line.summary,
    description: description(line),
    ...(line.scope !== 'public' && { security: [{ bearer: [] }] }),
    request: {
      ...(names.length > 0 && { params }),
      ...(line.query && { query: line.query as unknown as z.ZodObject }),
      ...(line.body && { body: { required: true, content: { 'application/json': { schema: line.body } } } }),
    },
    responses: {
      [status]: { description: 'Done.', content: { [media]: { schema: line.answer } } },
      default: {
        description: 'Refused or failed.',
        content: { 'application/json': { schema: errorAnswer } },
      },
    },
  })
  const { query = none as unknown as Query, body = none as unknown as Body } = line
  return { ...line, params, query, body, media: media as M, status, slow, openapi }
}

function description({ role, scope }: { readonly role: Role; readonly scope: Scope }): string {
  if (scope === 'public') return 'Needs no token.'
  const reach =
    scope === 'server' ? ', for all instances' : scope === 'instance' ? ', for this instance or all' : ''
  return `Needs a token with the role ${role}${roles.at(-1) === role ? '' : ' or higher'}${reach}.`
}

const parameterTexts: Record<string, string> = {
  instance: 'Id or name of the instance.',
  client: 'Id or name of the client.',
  key: 'Unique Identifier of the key, percent-encoded.',
  certificate: 'SHA-256 of the certificate, or the id of the CA.',
  token: 'Id of the token.',
  restore: 'Id of the restore.',
  adoption: 'Id of the adoption.',
}

function pathParameter(name: string): z.ZodType {
  return z
    .string()
    .min(1)
    .max(1024)
    .openapi({
      description: parameterTexts[name] ?? '',
      example: name === 'instance' ? 'default' : undefined,
    })
}
