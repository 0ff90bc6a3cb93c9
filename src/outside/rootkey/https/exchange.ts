// Sends one request over HTTPS (to a metadata service: over HTTP) to the service of a root key and reads its whole answer, in bounded
// time and size. `exchange` repeats nothing and does not look into the body; the callers, each kind's session and login, do both.

import { once } from 'node:events'
import http, { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { rootKeyCallsMax } from '../../../base/bounds.ts'
import { rootKeyAnswerTimeoutMs } from '../bounds.ts'
import type { Clock, Timer } from '../../../core/ports/clock.ts'

/** The longest time for the connection with its TLS handshake. */
const rootKeyConnectTimeoutMs = 4_000
/** Mortise closes a connection after this long without a call. */
const rootKeyIdleMs = 60_000
/** The largest answer that Mortise reads. The longest answers are pages of a list. */
const rootKeyAnswerBytesMax = 4 * 1024 * 1024

export interface Question {
  readonly agent: http.Agent
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** The caller wipes it. */
  readonly body?: Buffer
  /** Shortens the usual time-outs for a caller that has less time left. */
  readonly timeoutMs: number
  /** Runs the time-outs. */
  readonly clock: Pick<Clock, 'after'>
  /** The variable that names a CA file of the administrator's own; for messages. */
  readonly caVariable: string
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The caller's to wipe. */
  readonly body: Buffer
}

/** There was no whole answer. The service may have done the work all the same. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  /** false: there was no connection, so Mortise sent nothing. */
  readonly sent: boolean
  constructor(message: string, options: ErrorOptions & { readonly sent?: boolean } = {}) {
    super(message, options)
    this.sent = options.sent ?? true
  }
}

/** Opens connections to one service and keeps them open. `ca`: PEM; only these CAs are trusted. undefined: those of Node.js. */
export function serviceAgent(ca: string | undefined): https.Agent {
  return new https.Agent({ ...usual, minVersion: 'TLSv1.2', ...(ca !== undefined && { ca }) })
}

/** Opens connections without TLS, for the metadata services of clouds: these have an address that only the machine itself reaches. */
export function plainAgent(): http.Agent {
  return new http.Agent(usual)
}

const usual = { keepAlive: true, maxSockets: rootKeyCallsMax, timeout: rootKeyIdleMs }

/** Throws NoAnswer. Follows no redirect, so that a token goes only to the host for which it is meant. */
export async function exchange(question: Question): Promise<HttpAnswer> {
  const { agent, method, url, headers, body, timeoutMs, clock, caVariable } = question
  const length = body && { 'Content-Length': body.length }
  const isPlain = url.protocol === 'http:'
  const outgoing = (isPlain ? http : https).request(url, {
    agent,
    method,
    headers: { ...headers, ...length },
  })
  const timeouts = new Timeouts(outgoing, timeoutMs, clock, isPlain ? 'connect' : 'secureConnect')
  // `once` below rejects with the first error; later ones change nothing.
  outgoing.on('error', () => undefined)
  try {
    outgoing.end(body)
    const [incoming] = (await Promise.race([once(outgoing, 'response'), ended(outgoing)])) as [
      IncomingMessage,
    ]
    return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: await readWhole(incoming) }
  } catch (error) {
    outgoing.destroy()
    throw timeouts.expired ?? noAnswer(error, timeouts.sent, caVariable)
  } finally {
    timeouts.end()
  }
}

/** Rejects with NoAnswer when the request closes without an error, as it does after an answer that switches to another protocol. */
async function ended(outgoing: ClientRequest): Promise<never> {
  await once(outgoing, 'close')
  throw new NoAnswer('it ended the connection without an answer')
}

/** Limits the time for the connection, then the time for the whole answer. */
class Timeouts {
  /** Set when one of the two times is over. */
  expired: NoAnswer | undefined
  /** There was a connection, so the service may have received the request. */
  sent = false
  readonly #outgoing: ClientRequest
  readonly #clock: Pick<Clock, 'after'>
  #timer: Timer | undefined

  constructor(
    outgoing: ClientRequest,
    timeoutMs: number,
    clock: Pick<Clock, 'after'>,
    connected: 'connect' | 'secureConnect',
  ) {
    this.#outgoing = outgoing
    this.#clock = clock
    const answerMs = Math.min(timeoutMs, rootKeyAnswerTimeoutMs)
    this.#wait('answer', answerMs)
    outgoing.once('socket', (socket) => {
      this.sent = !socket.connecting
      if (this.sent) return
      this.#wait('connection', Math.min(timeoutMs, rootKeyConnectTimeoutMs))
      socket.once(connected, () => {
        this.sent = true
        this.#wait('answer', answerMs)
      })
    })
  }

  end(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #wait(what: string, ms: number): void {
    this.#timer?.cancel()
    this.#timer = this.#clock.after(ms, () => {
      this.expired = new NoAnswer(`no ${what} within ${Math.round(ms)} ms`, { sent: this.sent })
      this.#outgoing.destroy(this.expired)
    })
  }
}

async function readWhole(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      length += chunk.length
      if (length > rootKeyAnswerBytesMax)
        throw new NoAnswer(`an answer of more than ${rootKeyAnswerBytesMax} bytes`)
    }
    if (!incoming.complete) throw new NoAnswer('half an answer')
    return Buffer.concat(chunks)
  } finally {
    // The answer may have held a secret.
    for (const chunk of chunks) chunk.fill(0)
  }
}

function noAnswer(error: unknown, sent: boolean, caVariable: string): NoAnswer {
  if (error instanceof NoAnswer) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return new NoAnswer(explained(code, error, caVariable), { cause: error, sent })
}

function explained(code: string, error: unknown, caVariable: string): string {
  const text = error instanceof Error ? error.message : String(error)
  if (/CERT|SIGNATURE|ISSUER|ALTNAME/.test(code))
    return `its TLS certificate is not accepted (${code}: ${text}); a CA of your own is named by ${caVariable}`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `its name has no address (${code})`
  if (code === 'ECONNREFUSED') return 'nothing listens there (ECONNREFUSED)'
  if (code === 'ECONNRESET') return 'the connection was reset (ECONNRESET)'
  if (code === 'EPROTO') return 'what listens there does not speak TLS as it should (EPROTO)'
  return code === '' ? text : `${text} (${code})`
}
