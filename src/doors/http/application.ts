// Answers an HTTP request to the admin API: checks Host, token, role, path, instance, query and body, and calls the
// handler, in this order, the same for every route of the table. It knows no sockets (server.ts) and no route by
// name.

import { randomUUID } from 'node:crypto'
import { Hono, type Context, type Next } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { HeldBytes } from '../admission/budget.ts'
import type { Admission } from '../admission/admission.ts'
import { strangers } from '../admission/turns.ts'
import { KeyedMutex } from '../../base/keyed-mutex.ts'
import { adminBodyBytesMax } from '../../base/bounds.ts'
import { adminSlowTimeoutMs } from './bounds.ts'
import { inTurns, pause, type Turns } from '../../base/parts.ts'
import { authenticate, visibleInstance, type AuthenticationParts } from './authenticate.ts'
import { addConsole, type Console } from './console.ts'
import type { Env } from './documents.ts'
import type { AdminMetrics } from './metrics.ts'
import type { OpenRoute, OpenRoutes } from './open-route.ts'
import type { Plugs } from './plugs.ts'
import type { ApiRequester } from './route-request.ts'
import { Refusal, statusOf } from '../../base/refusal.ts'
import { refusalOf } from './faults.ts'
import type { AdminRefusals } from './refusals.ts'
import { addDescription } from './description.ts'
import { encodeAnswer } from './encode-answer.ts'
import { parsedJson, readBytes, readJson } from './read-json.ts'
import { bytesBody, none, type Route } from './route.ts'
import type { SchemaThread } from './schema-thread.ts'
import { RequestTurns } from './turns.ts'
import { valid } from './valid.ts'

/** A body on a route that needs no token: a login. */
export const adminPublicBodyBytesMax = 16 * 1024
/** A body of the few routes that take long lists, such as a proof with a check for each of 100,000 keys. */
const adminLargeBodyBytesMax = 16 * 1024 * 1024

/** A longer body is parsed and checked on another thread: this much takes about two milliseconds at most for each of the two. */
const bodyHereBytesMax = 64 * 1024

export interface ApplicationOptions {
  /** All routes, by name. */
  readonly routes: OpenRoutes
  readonly authentication: AuthenticationParts
  readonly gate: Plugs['approvals']['gate']
  readonly schemaThread: Pick<SchemaThread, 'body' | 'description'>
  /** The host names accepted besides the address that the request came to, in lower case. */
  readonly hosts: ReadonlySet<string>
  readonly admission: Pick<Admission, 'turns' | 'budget'>
  /** The subnet of an address. */
  readonly subnetOf: (address: string) => string
  /** Called for each request whose token or session holds. */
  readonly onAuthenticated?: (subnet: string) => void
  /** Left out: there is none (`admin.console = false`). */
  readonly console?: Console | undefined
  readonly refusals: Pick<AdminRefusals, 'note'>
  readonly metrics: Pick<AdminMetrics, 'requests'>
  /** Called after each answer; `route` is a name of the table, or 'none'. */
  readonly onAnswer?: ((about: { route: string; status: number; seconds: number }) => void) | undefined
  /** Called with an error that is a bug or an outage. */
  readonly onFailure: (error: unknown, about: { route: string; requestId: string }) => void
}

type Ctx = Context<Env>

/** `broken`: called with the error that breaks a download off; no end of it may come. */
interface Streaming extends Pick<ApiRequester, 'by'> {
  readonly broken: (error: unknown) => void
}

export function createApplication(options: ApplicationOptions): Hono<Env> {
  const app = new Hono<Env>()
  app.use('*', async (c, next) => observe(c, next, options))
  app.use('*', async (c, next) => takeTurn(c, next, options))
  app.use('*', async (c, next) => checkHost(c, next, options.hosts))
  const patterns = patternsOf(options.routes)
  app.use('*', async (c, next) => checkPath(c, next, patterns))
  const oneAtATime = new KeyedMutex()
  for (const [name, route] of options.routes) addRoute(app, name, route, { ...options, oneAtATime })
  addDescription(app, async () => options.schemaThread.description())
  if (options.console) addConsole(app, options.console)
  app.notFound((c) => answerRefusal(c, noRoute(c, patterns)))
  app.onError((error, c) => {
    const [route, requestId, asker] = [c.get('route'), c.get('requestId'), c.get('asker')]
    options.refusals.note(error, { route, requestId, asker })
    return answerRefusal(c, known(error, c, options))
  })
  return app
}

function addRoute(
  app: Hono<Env>,
  name: string,
  route: OpenRoute,
  options: ApplicationOptions & { readonly oneAtATime: KeyedMutex },
): void {
  const { authentication, gate, oneAtATime } = options
  const { line } = route
  app.on(line.method, line.path.replaceAll(/\{(\w+)\}/g, ':$1'), async (c) => {
    c.set('route', name)
    if (line.slow) c.env.incoming.setTimeout(adminSlowTimeoutMs)
    const asking = {
      authorization: c.req.header('authorization'),
      address: plainAddress(c.env.incoming.socket.remoteAddress),
      requestId: c.get('requestId'),
      host: c.req.header('host') ?? '',
      instance: line.scope === 'instance' ? c.req.param('instance') : undefined,
    }
    const first = await authenticate(authentication, line, asking)
    c.set('asker', first)
    c.get('turns').isOf(first.actor.id)
    if (line.scope !== 'public') options.onAuthenticated?.(c.get('held').subnet)
    const isBackground = c.req.header('mortise-background') !== undefined
    const renewed = first.session && authentication.sessions.renewed(first.session, { isBackground })
    if (renewed) c.header('Mortise-Session', renewed)
    const params = valid('path', line.params, c.req.param())
    if (asking.instance !== undefined) await visibleInstance(authentication, first, asking.instance)
    const query = valid('query', line.query, line.query === none ? undefined : queryOf(c))
    const body = await bodyOf(line, c, options.schemaThread)
    // The body takes as long as the client likes, and a token may be revoked meanwhile.
    const asker = line.body === none ? first : await authenticate(authentication, line, asking)
    const instance =
      asking.instance === undefined
        ? undefined
        : await visibleInstance(authentication, asker, asking.instance)
    const request = { asker, instance, params, query, body, pace: c.get('turns') }
    const waits = await gate(name, route, request)
    if (waits) return c.json(waits, 202)
    const broken = (error: unknown) => {
      known(error, c, options)
      c.env.outgoing.destroy()
    }
    const answered = async () => answer(c, line, await route.handle(request), { by: asker.by, broken })
    if (!line.oneAtATime) return answered()
    return oneAtATime.run(asker.actor.id ?? '', async () => hasLeft(c) ?? answered())
  })
}

/** Checked by its schema. */
async function bodyOf(
  { body, large, scope }: Route,
  c: Ctx,
  schemaThread: ApplicationOptions['schemaThread'],
): Promise<unknown> {
  if (body === none) return undefined
  const byToken = large ? adminLargeBodyBytesMax : adminBodyBytesMax
  const bytesMax = scope === 'public' ? adminPublicBodyBytesMax : byToken
  const [held, turns] = [c.get('held').bytes, c.get('turns')]
  if (body === bytesBody) return readBytes(c.req.raw, bytesMax, held)
  const bytes = await readJson(c.req.raw, bytesMax, held)
  if (bytes.length > bodyHereBytesMax)
    return schemaThread.body({ route: c.get('route'), bytes }, turns, {
      asker: c.get('asker')?.actor.id ?? '',
      hasLeft: () => c.env.incoming.socket.destroyed,
    })
  await turns.turn()
  const sent = parsedJson(bytes)
  // Parsing may use the turn up, and the check takes about as long.
  await pause(turns)
  return valid('body', body, sent)
}

/** A repeated query parameter becomes an array, so the schema rejects it. */
function queryOf(c: Ctx): Record<string, string | string[] | undefined> {
  const pairs = Object.entries(c.req.queries())
  return Object.fromEntries(pairs.map(([name, values]) => [name, values.length === 1 ? values[0] : values]))
}

async function answer(c: Ctx, line: Route, value: unknown, streaming: Streaming): Promise<Response> {
  const { media, status } = line
  const headers = { 'Content-Type': media }
  await c.get('turns').turn()
  if (media === 'application/x-ndjson')
    return c.body(
      streamed(chunksOf(value as AsyncIterable<string>, c.get('turns')), streaming),
      status,
      headers,
    )
  if (media === 'application/octet-stream')
    return c.body(streamed(value as AsyncIterable<Uint8Array>, streaming), status, headers)
  if (media === 'text/plain') return c.text(String(line.answer.parse(value)), status)
  return c.body(await inTurns(encodeAnswer(line.answer, value), c.get('turns')), status, headers)
}

const chunkCharacters = 64 * 1024

async function* chunksOf(lines: AsyncIterable<string>, turns: Turns): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  let text = ''
  for await (const line of lines) {
    text += `${line}\n`
    await pause(turns)
    if (text.length < chunkCharacters) continue
    yield encoder.encode(text)
    text = ''
  }
  if (text !== '') yield encoder.encode(text)
}

/**
 * The chunks, no faster than they are read. A download takes as long as its reader likes: it breaks off, before the next chunk, once
 * its asker may no longer read it.
 */
function streamed(chunks: AsyncIterable<Uint8Array>, { by, broken }: Streaming): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  const next = async () => {
    try {
      await by.stillMay?.()
    } catch (error) {
      await iterator.throw?.(error)
      throw error
    }
    return iterator.next()
  }
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await next()
        if (done !== true) return controller.enqueue(value)
      } catch (error) {
        // An error of the stream would be written behind the chunks, as if they were all.
        broken(error)
      }
      controller.close()
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}

async function observe(c: Ctx, next: Next, { metrics, onAnswer }: ApplicationOptions): Promise<void> {
  const start = performance.now()
  c.set('requestId', randomUUID())
  c.set('route', 'none')
  c.set('policy', "default-src 'none'; frame-ancestors 'none'")
  c.set('cache', 'no-store')
  await next()
  c.header('X-Request-Id', c.get('requestId'))
  c.header('Cache-Control', c.get('cache'))
  c.header('X-Content-Type-Options', 'nosniff')
  c.header('Content-Security-Policy', c.get('policy'))
  if (isLongBodyLeft(c.env.incoming)) c.header('Connection', 'close')
  const [route, { status }, seconds] = [c.get('route'), c.res, (performance.now() - start) / 1000]
  metrics.requests.observe({ route, status: String(status) }, seconds)
  onAnswer?.({ route, status, seconds })
}

/** A long body that a refusal did not wait for is not read to its end. */
function isLongBodyLeft({ complete, headers }: Env['Bindings']['incoming']): boolean {
  const bytes = Number(headers['content-length'] ?? Infinity)
  return !complete && bytes > adminPublicBodyBytesMax
}

/** A request whose client has left meanwhile is not answered. */
async function takeTurn(
  c: Ctx,
  next: Next,
  { admission, subnetOf }: ApplicationOptions,
): Promise<Response | undefined> {
  const subnet = subnetOf(c.env.incoming.socket.remoteAddress ?? 'gone')
  const turns = new RequestTurns(admission.turns, strangers(subnet))
  const bytes = new HeldBytes(admission.budget, subnet)
  c.set('turns', turns)
  c.set('held', { subnet, bytes })
  await turns.turn()
  try {
    const left = hasLeft(c)
    if (!left) await next()
    return left
  } finally {
    bytes.close()
  }
}

/** An empty answer for a client that has left. undefined: the client is still there. */
function hasLeft(c: Ctx): Response | undefined {
  return c.env.incoming.socket.destroyed ? c.body(null) : undefined
}

/** Refuses other names in Host: a name under foreign control must not lead a browser here (DNS rebinding). The port does not matter. */
async function checkHost(c: Ctx, next: Next, hosts: ReadonlySet<string>): Promise<void> {
  const host = (c.req.header('host') ?? '')
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
  if (!hosts.has(host) && host !== plainAddress(c.env.incoming.socket.localAddress))
    throw new Refusal(
      'foreign-host',
      'this server is not known under the name in the Host header',
      'Names it may be addressed by are set in admin.hosts (MORTISE_ADMIN_HOSTS).',
    )
  await next()
}

/**
 * A proxy in front of this server decides by the path as the client wrote it. So a path that matches a route only
 * after `..` or a backslash is resolved, or after letters of the route are decoded, does not exist here.
 */
async function checkPath(c: Ctx, next: Next, patterns: Patterns): Promise<void> {
  const sent = (c.env.incoming.url ?? '').replace(/^https?:\/\/[^/?#]*/i, '')
  const [path = ''] = sent.split('?')
  const isElsewhere = path !== new URL(c.req.url).pathname || isRouteOnlyDecoded(path, c.req.path, patterns)
  if (isElsewhere) throw nothingHere()
  await next()
}

/** Shows an IPv4 peer of an IPv6 socket as IPv4. */
function plainAddress(address: string | undefined): string | null {
  return address?.replace(/^::ffff:/, '') ?? null
}

type Patterns = readonly { readonly method: string; readonly pattern: RegExp }[]

function patternsOf(routes: OpenRoutes): Patterns {
  return [...routes.values()].map(({ line: { method, path } }) => ({
    method: method.toUpperCase(),
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }))
}

/** Percent signs are for what stands in the place of a parameter. */
function isRouteOnlyDecoded(path: string, decoded: string, patterns: Patterns): boolean {
  return path !== decoded && patterns.some(({ pattern }) => pattern.test(decoded) && !pattern.test(path))
}

/** The pages that are not in the table. */
const pages: ReadonlySet<string> = new Set(['/api/openapi.json', '/api/docs'])

function noRoute(c: Ctx, patterns: Patterns): Refusal {
  const methods = patterns.filter(({ pattern }) => pattern.test(c.req.path)).map(({ method }) => method)
  if (pages.has(c.req.path)) methods.push('GET')
  if (methods.length === 0) return nothingHere()
  c.header('Allow', methods.join(', '))
  return new Refusal('method-not-allowed', `this path takes ${methods.join(' and ')}`)
}

function nothingHere(): Refusal {
  return new Refusal('not-found', 'there is nothing here', 'See /api/openapi.json.')
}

function known(error: unknown, c: Ctx, { onFailure }: ApplicationOptions): Refusal {
  const refusal = refusalOf(error)
  if (refusal) return refusal
  onFailure(error, { route: c.get('route'), requestId: c.get('requestId') })
  return new Refusal(
    'internal',
    'something went wrong in the server',
    'Its log says more, under this requestId.',
  )
}

function answerRefusal(c: Ctx, { code, message, hint }: Refusal): Response {
  if (code === 'unauthenticated') c.header('WWW-Authenticate', 'Bearer')
  const requestId = c.get('requestId')
  const error = { code, message, ...(hint !== undefined && { hint }), requestId }
  return c.json({ error }, statusOf[code] as ContentfulStatusCode)
}
