// The two HTTPS listeners of the fake: Key Protect's and IAM's. Takes a request, lets a fault strike, has it answered
// and keeps a list of what was called. Each can be taken down and brought up on the same port.

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../server/free-port.ts'
import { Faults, type Fault } from './faults.ts'
import { issueToken } from './iam.ts'
import { plainRefusal, Refusal, refusal } from './refusal.ts'
import type { Reply } from './request.ts'
import { answer, findRoute } from './routes.ts'
import type { State } from './state.ts'

/** One request that came, as `GET /calls` of the control door shows it. */
export interface Called {
  readonly atMs: number
  readonly call: string
  /** Id or alias, or other parts of the path. */
  readonly on: string
  readonly correlationId: string
  /** 0: the connection was cut. */
  status: number
  /** `reasons[0].code`. */
  code: string
  /** A fault struck. */
  readonly fault: string | null
}

export class Traffic {
  readonly faults = new Faults()
  calls: Called[] = []
  inFlight = 0
  inFlightMax = 0
  latencyMs = 0
  /** Calls of Key Protect that are answered in any one second; null: all. */
  perSecond: number | null = null
  #lately: number[] = []

  mayCall(): boolean {
    const now = performance.now()
    this.#lately = this.#lately.filter((at) => now - at < 1000)
    if (this.perSecond !== null && this.#lately.length >= this.perSecond) return false
    this.#lately.push(now)
    return true
  }
}

export interface ListenerOptions {
  readonly kind: 'keyProtect' | 'iam'
  readonly tls: { readonly cert: string; readonly key: string }
  readonly host: string
  readonly port: number
  readonly state: State
  readonly traffic: Traffic
}

export class Listener {
  readonly #options: ListenerOptions
  readonly #server: Server
  #port: number

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#port = options.port
    this.#server = createServer({ ...options.tls, keepAliveTimeout: 30_000 }, (request, response) => {
      const { traffic } = options
      traffic.inFlightMax = Math.max(traffic.inFlightMax, ++traffic.inFlight)
      serve(options, request, response)
        .catch(() => response.destroy())
        .finally(() => traffic.inFlight--)
    })
  }

  get port(): number {
    return this.#port
  }

  async up(): Promise<void> {
    if (this.#server.listening) return
    this.#port ||= await freePort()
    this.#server.listen(this.#port, this.#options.host)
    await once(this.#server, 'listening')
  }

  async down(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }
}

async function serve(
  options: ListenerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { traffic, state, kind } = options
  const url = new URL(request.url ?? '/', `https://${request.headers.host ?? 'localhost'}`)
  const found = kind === 'keyProtect' ? findRoute(request.method ?? '', url) : undefined
  const isToken =
    kind === 'iam' && /^\/(identity|oidc)\/token$/.test(url.pathname) && request.method === 'POST'
  const call = isToken ? 'token' : (found?.name ?? 'unknown')
  const fault = traffic.faults.strike(call)
  const correlationId = headerOf(request, 'correlation-id') ?? randomUUID()
  const called: Called = {
    atMs: state.nowMs(),
    call,
    on: found?.parts.join('/') ?? '',
    correlationId,
    status: 0,
    code: '',
    fault: fault?.kind ?? null,
  }
  traffic.calls.push(called)
  response.setHeader('correlation-id', correlationId)
  response.setHeader('Date', new Date(state.nowMs()).toUTCString())
  const body = await buffer(request)
  await sleep(traffic.latencyMs + (fault?.kind === 'slow' ? (fault.ms ?? 0) : 0))
  if (fault?.kind === 'reset-before') return void response.destroy()
  if (fault?.kind === 'hang') return void (await once(response, 'close'))
  const work = (): Reply => {
    if (isToken) return issueToken(state, body, url.origin, correlationId)
    if (kind === 'keyProtect' && !traffic.mayCall()) throw plainRefusal(429)
    if (!found) throw plainRefusal(url.pathname.startsWith('/api/v2/') ? 405 : 404)
    return answer(state, found, { url, headers: request.headers as Record<string, string | undefined>, body })
  }
  if (fault?.kind === 'reset-late') {
    response.destroy()
    await sleep(fault.ms ?? 0)
  }
  const instead = fault && insteadOf(fault, kind)
  const reply = shortened(instead ?? reply1(work), fault)
  if (fault?.kind === 'status-after') reply1(work)
  state.save()
  called.status = fault && isCut(fault) ? 0 : reply.status
  called.code = codeOf(reply)
  await send(response, reply, fault)
}

function reply1(work: () => Reply): Reply {
  try {
    return work()
  } catch (error) {
    if (error instanceof Refusal) return { status: error.status, body: error.body }
    process.stderr.write(`${error instanceof Error ? (error.stack ?? '') : String(error)}\n`)
    const { status, body } = plainRefusal(500)
    return { status, body }
  }
}

/** Before the answer, though the work is done. */
function isCut({ kind }: Fault): boolean {
  return kind === 'reset-after' || kind === 'reset-late'
}

function insteadOf(
  { kind, status = 500, code, retryAfter }: Fault,
  listener: ListenerOptions['kind'],
): Reply | undefined {
  if (kind === 'unknown-key') return refusal('KEY_NOT_FOUND_ERR')
  if (kind !== 'status' && kind !== 'status-after') return undefined
  const headers = retryAfter === undefined ? {} : { 'Retry-After': `${retryAfter}` }
  if (listener === 'iam')
    return { status, body: { errorCode: 'BXNIM0000E', errorMessage: 'Told to answer so.' }, headers }
  const said = code === undefined ? plainRefusal(status) : refusal(code)
  return { status: said.status, body: said.body, headers }
}

/** A list with fewer keys than were asked for. */
function shortened(reply: Reply, fault: Fault | undefined): Reply {
  if (!fault?.kind.startsWith('short') || !isCollection(reply.body)) return reply
  const { metadata } = reply.body
  const resources = reply.body.resources.slice(0, fault.keys ?? 1)
  const body = { metadata: { ...metadata, collectionTotal: resources.length }, resources }
  return {
    status: reply.status,
    body,
    ...(fault.kind === 'short' && reply.headers && { headers: reply.headers }),
    ...(fault.kind === 'short-mistold' && { headers: { 'Key-Total': `${fault.total ?? 0}` } }),
  }
}

function isCollection(
  body: unknown,
): body is { readonly metadata: object; readonly resources: readonly unknown[] } {
  return typeof body === 'object' && body !== null && 'resources' in body && Array.isArray(body.resources)
}

/** What is answered instead, by kind of fault. */
const wrongTexts: Readonly<Record<string, string>> = {
  garbage: 'surely no JSON',
  nonsense: '{"ciphertext":"eHh4","keyVersion":{}}',
}

async function send(response: ServerResponse, reply: Reply, fault: Fault | undefined): Promise<void> {
  if (fault && isCut(fault)) return void response.destroy()
  if (fault?.kind === 'proxy')
    return void response
      .writeHead(fault.status ?? 502, { 'Content-Type': 'text/html' })
      .end('<html>Told to.</html>')
  if (fault?.kind === 'gateway')
    return void response.writeHead(fault.status ?? 503, { 'Content-Type': 'text/plain' }).end('no upstream')
  if (fault?.kind === 'json-gateway')
    return void response
      .writeHead(fault.status ?? 503, { 'Content-Type': 'application/json' })
      .end('{"httpCode":"404","httpMessage":"Not Found"}')
  const text = wrongTexts[fault?.kind ?? ''] ?? (reply.body && JSON.stringify(reply.body))
  const bytes = Buffer.from(text ?? '')
  response.writeHead(reply.status, {
    ...(text !== undefined && { 'Content-Type': 'application/json', 'Content-Length': bytes.length }),
    ...reply.headers,
  })
  if (fault?.kind !== 'half' && fault?.kind !== 'slow-answer') return void response.end(bytes)
  const half = bytes.subarray(0, Math.ceil(bytes.length / 2))
  await new Promise((resolve) => response.write(half, resolve))
  if (fault.kind === 'half') return void response.destroy()
  await sleep(fault.ms ?? 0)
  response.end(bytes.subarray(half.length))
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}

function codeOf({ body }: Reply): string {
  return /"(?:code|errorCode)":"(\w+)"/.exec(JSON.stringify(body ?? {}))?.[1] ?? ''
}
