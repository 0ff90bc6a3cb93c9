// The type of one line of the route table, and the types that server and client derive from it. The routes are in the
// files beside this one, and together in api.ts.

import { z } from 'zod'

/** Routes with the scope 'instance' begin with it. */
export const instancePath = '/api/v1/instances/{instance}'

export const roles = ['viewer', 'operator', 'manager'] as const
export type RouteRole = (typeof roles)[number]

/**
 * Which tokens may call a route, besides the role they need. 'public': no token is needed. 'server': tokens for all
 * instances only. 'instance': the path names an instance; to a token of another instance it does not exist. 'any':
 * any token; the handler shows each only what is its own.
 */
export type Scope = 'public' | 'server' | 'instance' | 'any'

export type Media = 'application/json' | 'text/plain' | 'application/x-ndjson' | 'application/octet-stream'

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
  readonly role: RouteRole
  readonly scope: Reach
  /** With the scope 'instance': to a token of that instance the handler answers forbidden, too. */
  readonly allInstances: boolean
  readonly summary: string
  /** Schemas; z.undefined() if the route takes no query or no body. */
  readonly params: z.ZodType
  readonly query: Query
  readonly body: Body
  readonly answer: Answer
  /** text/plain answers are strings; application/x-ndjson answers are streams of lines, application/octet-stream of bytes. */
  readonly media: M
  readonly status: 200 | 201
  /** The request may take minutes; the client waits longer. */
  readonly slow: boolean
  /** A body may have `adminLargeBodyBytesMax`. It is read only once the token allows the route. */
  readonly large: boolean
  /** The answers are large: a token or a person gets one of them at a time, so that few are in memory. */
  readonly oneAtATime: boolean
  /** The act may need a second person: its feature has a guard for it, and the answer may be that it waits (202). */
  readonly guarded: boolean
  /** Answered also while the store does not answer, to whose token was read before. */
  readonly withoutStore: boolean
}

type PathParams<Path> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | PathParams<Rest> : never

/** The input of a call of the client: path parameters, and query and body if the route has them. */
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

/** The input of a handler, validated. */
export type CheckedInput<R> =
  R extends Route<infer Path, infer Query, infer Body>
    ? {
        readonly params: { readonly [Name in PathParams<Path>]: string }
        readonly query: z.output<Query>
        readonly body: z.output<Body>
      }
    : never

/** The result of a handler, which the client returns. */
export type Output<R> =
  R extends Route<string, z.ZodType, z.ZodType, infer Answer, infer M>
    ? M extends 'application/x-ndjson'
      ? AsyncIterable<string>
      : M extends 'application/octet-stream'
        ? AsyncIterable<Uint8Array>
        : z.output<Answer>
    : never

/** The schema of a query or body that a route does not take. */
export const none = z.undefined()

/** The schema of a body that is bytes, `application/octet-stream`, at most `adminBodyBytesMax`. */
export const bytesBody = z.instanceof(Uint8Array)

/** Completes a line of the table with its defaults and the schema of its path parameters. */
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
  readonly role: RouteRole
  readonly scope: Reach
  readonly allInstances?: boolean
  readonly summary: string
  readonly query?: Query
  readonly body?: Body
  readonly answer: Answer
  readonly media?: M
  readonly status?: 200 | 201
  readonly slow?: boolean
  readonly large?: boolean
  readonly oneAtATime?: boolean
  readonly guarded?: boolean
  readonly withoutStore?: boolean
}): Route<Path, Query, Body, Answer, M, Reach> {
  const { allInstances = false, status = 200 } = line
  const { slow = false, large = false, oneAtATime = false, guarded = false, withoutStore = false } = line
  const media = line.media ?? 'application/json'
  const names = [...line.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
  const params = z.object(Object.fromEntries(names.map((name) => [name, pathParameter(name)])))
  const { query = none as unknown as Query, body = none as unknown as Body } = line
  const flags = { allInstances, slow, large, oneAtATime, guarded, withoutStore }
  return { ...line, ...flags, params, query, body, media: media as M, status }
}

const parameterTexts: Record<string, string> = {
  instance: 'Id or name of the instance.',
  client: 'Id or name of the client.',
  key: 'Unique Identifier of the key, percent-encoded.',
  certificate: 'SHA-256 of the certificate, or the id of the CA.',
  token: 'Id of the token.',
  session: 'Id of the session.',
  restore: 'Id of the restore.',
  backup: 'Id of the backup.',
  upload: 'Id of the upload.',
  adoption: 'Id of the adoption.',
  import: 'Id of the import.',
  approval: 'Id of the request.',
  vcenter: 'Id or name of the vCenter.',
  connect: 'Id of the connect.',
  read: 'Id of the reading.',
  planning: 'The id of a plan of new keys, as the request that began it answered.',
  export: 'Id of the export, as the caller who began it chose it.',
}

/** Each is made once, since routes share them: a schema takes some 50 µs to make, at each start. */
const parameters: ReadonlyMap<string, z.ZodType> = new Map(
  Object.entries(parameterTexts).map(([name, description]) => {
    const example = name === 'instance' ? 'default' : undefined
    const about = { description, ...(example !== undefined && { example }) }
    return [name, z.string().min(1).max(1024).meta(about)]
  }),
)

function pathParameter(name: string): z.ZodType {
  const parameter = parameters.get(name)
  if (!parameter) throw new Error(`parameterTexts says nothing of {${name}}`)
  return parameter
}

/** A client asks it whether a server that takes long for another answer is still there. */
export const live = route({
  method: 'get',
  path: '/health/live',
  role: 'viewer',
  scope: 'public',
  summary: 'Whether the process runs',
  answer: z.object({ live: z.boolean() }),
})
