// The typed client of the admin API, derived from the route table: `client.call(keyRoutes.listKeys, { instance:
// 'default' })`. It trusts a server by a CA, by the certificate's fingerprint, or by the CAs of the system, and sends the token
// only after that check.

import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'
import { adminIdleTimeoutMs, adminSlowTimeoutMs } from './bounds.ts'
import { z } from 'zod'
import { waitingAnswer } from './waiting-answer.ts'
import { errorAnswer } from './error-answer.ts'
import { Refusal } from '../../base/refusal.ts'
import { live, type Input, type Output, type Route } from './route.ts'

/** The largest answer that the client accepts. A page of audit entries is the largest that is not streamed. */
const adminAnswerBytesMax = 64 * 1024 * 1024
/** The client's wait for a connection, and again for the TLS handshake. */
const adminConnectTimeoutMs = 10_000

export interface AdminTarget {
  /** `https://HOST:PORT` */
  readonly url: string
  readonly token: string
  /** Called with the next text of a session, which takes the place of the token. */
  readonly onRenewed?: (session: string) => Promise<unknown>
  readonly trust:
    | { readonly by: 'authority'; readonly pem: string }
    /** SHA-256 of the server's certificate, lower-case hex. */
    | { readonly by: 'fingerprint'; readonly sha256: string }
    | { readonly by: 'system' }
}

/** How long the client waits, in milliseconds. */
interface Waits {
  /** For the connection, and again for the TLS handshake. */
  readonly connectMs: number
  /** For the next bytes of an answer. A slow call waits longer while the server answers others. */
  readonly idleMs: number
}

/**
 * The client did not reach the server, or the answer came from another server or from something that is not Mortise.
 * `code`: the error code of the system, if there is one; ETIMEDOUT where the client gave up waiting.
 */
export class AdminUnreachable extends Error {
  override readonly name = 'AdminUnreachable'
  readonly code: string | undefined
  constructor(message: string, code?: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The act waits for a second person: nothing was done. */
export class WaitsForApproval extends Error {
  override readonly name = 'WaitsForApproval'
  readonly approval: Waiting['approval']
  /** The text of the token that was asked for, or null. */
  readonly token: string | null
  constructor({ approval, token }: Waiting) {
    super(`this waits for a second person, as ${approval.id}`)
    this.approval = approval
    this.token = token
  }
}

type Waiting = z.output<typeof waitingAnswer>

/** The act was approved, and is carried out when the same request comes again. */
export const sendAgain: unique symbol = Symbol('send again')

/**
 * The client does this about an act that waits for a second person; resolves with the answer that came in the end, or with
 * `sendAgain`.
 */
export type OnWaiting = (client: AdminClient, waiting: Waiting) => Promise<unknown>

/** The rest of a call after its route: nothing, where the route needs nothing. */
export type CallArguments<R extends Route> = Partial<Input<R>> extends Input<R> ? [Input<R>?] : [Input<R>]

export class AdminClient {
  readonly #target: AdminTarget
  readonly #url: URL
  readonly #onWaiting: OnWaiting
  readonly #waits: Waits

  /** `onWaiting`: left out, a call of an act that waits throws WaitsForApproval. `waits`: shorter ones for tests. */
  constructor(
    target: AdminTarget,
    onWaiting: OnWaiting = (_client, waiting) => throwWaiting(waiting),
    waits: Waits = { connectMs: adminConnectTimeoutMs, idleMs: adminIdleTimeoutMs },
  ) {
    this.#target = target
    this.#onWaiting = onWaiting
    this.#waits = waits
    this.#url = new URL(target.url)
    if (this.#url.protocol !== 'https:')
      throw new AdminUnreachable(`${target.url} is not an https:// address`)
  }

  /** Throws Refusal when the server says no, AdminUnreachable when there is no answer, WaitsForApproval when the act needs a second person and no `onWaiting` waits for one. */
  async call<R extends Route>(line: R, ...[input]: CallArguments<R>): Promise<Output<R>> {
    const { query, body, ...params } = (input ?? {}) as { query?: object; body?: unknown } & Record<
      string,
      string
    >
    const response = await this.#send(line, pathOf(line.path, params, query), body)
    const status = response.statusCode ?? 0
    const { 'mortise-session': renewed } = response.headers
    if (typeof renewed === 'string') await this.#target.onRenewed?.(renewed)
    if (status === 202) {
      const said = await text(response)
      const waiting = understood(() => waitingAnswer.parse(JSON.parse(said)))
      const answer = await this.#onWaiting(this, waiting)
      if (answer === sendAgain) return this.call(line, ...([input] as CallArguments<R>))
      return understood(() => line.answer.parse(answer)) as Output<R>
    }
    if (status !== line.status) throw refusal(status, await text(response))
    if (line.media === 'application/x-ndjson') return linesOf(response) as Output<R>
    if (line.media === 'application/octet-stream') return bytesOf(response) as Output<R>
    const whole = await text(response)
    return understood(() =>
      line.answer.parse(line.media === 'text/plain' ? whole : JSON.parse(whole)),
    ) as Output<R>
  }

  async #send(line: Route, path: string, body: unknown): Promise<IncomingMessage> {
    const socket = await this.#connect()
    if (line.slow) this.#watch(socket)
    else giveUpAfter(socket, this.#waits.idleMs, 'no answer came')
    const isBytes = body instanceof Uint8Array
    const payload = body === undefined || isBytes ? body : Buffer.from(JSON.stringify(body))
    const type = isBytes ? 'application/octet-stream' : 'application/json'
    return new Promise((resolve, reject) => {
      const request = httpsRequest({
        createConnection: () => socket,
        method: line.method.toUpperCase(),
        path,
        headers: {
          Host: this.#url.host,
          Connection: 'close',
          ...(line.scope !== 'public' && { Authorization: `Bearer ${this.#target.token}` }),
          ...(payload && { 'Content-Type': type, 'Content-Length': payload.length }),
        },
      })
      request.on('response', resolve)
      request.on('error', (error) => reject(unreachable(this.#url, error)))
      request.end(payload)
    })
  }

  /** Ends a slow call once the server has left two others without an answer: then it hangs, or is gone without a word. */
  #watch(socket: TLSSocket): void {
    let unanswered = 0
    const look = async (): Promise<void> => {
      try {
        await this.call(live)
        unanswered = 0
      } catch (error) {
        if (!(error instanceof AdminUnreachable) || error.code !== 'ETIMEDOUT') return
        unanswered += 1
        if (unanswered === 2) socket.destroy(error)
      }
    }
    giveUpAfter(socket, adminSlowTimeoutMs, 'no answer came')
    const timer = setInterval(() => void look(), this.#waits.idleMs)
    socket.once('close', () => clearInterval(timer))
  }

  /** Resolves when the socket is connected and the server has been verified. */
  #connect(): Promise<TLSSocket> {
    const { trust } = this.#target
    const host = this.#url.hostname.replace(/^\[(.*)\]$/, '$1')
    return new Promise((resolve, reject) => {
      const socket = connect({
        host,
        port: Number(this.#url.port || 443),
        minVersion: 'TLSv1.2',
        rejectUnauthorized: trust.by !== 'fingerprint',
        ...(!/^[\d.]+$|:/.test(host) && { servername: host }),
        ...(trust.by === 'authority' && { ca: trust.pem }),
      })
      giveUpAfter(socket, this.#waits.connectMs, 'it does not accept the connection')
      socket.once('connect', () => giveUpAfter(socket, this.#waits.connectMs, 'it does not answer in TLS'))
      socket.once('error', (error) => reject(unreachable(this.#url, error)))
      socket.once('secureConnect', () => {
        const shown = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase()
        if (trust.by === 'fingerprint' && shown !== trust.sha256) {
          socket.destroy()
          reject(
            new AdminUnreachable(
              `${this.#url.host} has another certificate: its SHA-256 is ${shown ?? 'unknown'}`,
            ),
          )
        } else resolve(socket)
      })
    })
  }
}

/** Says in its error that the answer is not one of this version of Mortise: another version, or another service, may have sent it. */
function understood<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof z.ZodError)) throw cause
    throw new AdminUnreachable('this version does not understand what the server answers', undefined, {
      cause,
    })
  }
}

/** Ends a socket on which nothing happens for so long. Takes the place of an earlier limit. */
function giveUpAfter(socket: TLSSocket, ms: number, what: string): void {
  socket.removeAllListeners('timeout')
  socket.setTimeout(ms, () =>
    socket.destroy(Object.assign(new Error(`${what} within ${ms / 1000} s`), { code: 'ETIMEDOUT' })),
  )
}

function throwWaiting(waiting: Waiting): never {
  throw new WaitsForApproval(waiting)
}

function pathOf(path: string, params: Readonly<Record<string, string>>, query: object | undefined): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined) search.append(name, String(value))
  return search.size === 0 ? filled : `${filled}?${search.toString()}`
}

async function text(response: IncomingMessage): Promise<string> {
  const parts: string[] = []
  let length = 0
  for await (const part of partsOf(response)) {
    length += part.length
    if (length > adminAnswerBytesMax) throw new AdminUnreachable('the answer is larger than any of Mortise')
    parts.push(part)
  }
  return parts.join('')
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  for await (const part of partsOf(response)) {
    const lines = (rest + part).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

async function* bytesOf(response: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* response as AsyncIterable<Uint8Array>
  } catch (error) {
    throw new AdminUnreachable('the answer broke off in the middle', undefined, { cause: error })
  }
}

async function* partsOf(response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8')
  try {
    yield* response as AsyncIterable<string>
  } catch (error) {
    throw new AdminUnreachable('the answer broke off in the middle', undefined, { cause: error })
  }
}

function refusal(status: number, body: string): Error {
  try {
    const { code, message, hint } = errorAnswer.parse(JSON.parse(body)).error
    return new Refusal(code, message, hint)
  } catch {
    return new AdminUnreachable(`what answered is not the admin API of Mortise (HTTP ${status})`)
  }
}

function unreachable(url: URL, error: NodeJS.ErrnoException): AdminUnreachable {
  if (error instanceof AdminUnreachable) return error
  return new AdminUnreachable(`${url.host}: ${inWords(error)}`, error.code, { cause: error })
}

/** Node.js speaks of its parser, of OpenSSL's source files and of its own flags. */
function inWords({ code = '', message }: NodeJS.ErrnoException): string {
  if (code.startsWith('HPE_')) return 'it does not answer in HTTP'
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_'))
    return 'it does not answer in TLS as the admin API does'
  return message.replace(/; if the root CA is installed locally, .*/s, '')
}
