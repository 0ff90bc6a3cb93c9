// One HTTPS request and its whole answer: for tests that look at HTTP itself. Connections are kept, since a handshake costs
// more than most requests.

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** Parsed, where the answer is JSON. */
  readonly json: unknown
}

export interface Ask {
  readonly token?: string
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent in place of it, as it is. */
  readonly raw?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** Keeps connections by host, port and CA; an idle one does not keep the process alive. */
const agent = new Agent({ keepAlive: true })

/** `url`: https://HOST:PORT; `ca`: PEM. */
export async function askHttps(
  url: string,
  ca: string,
  method: string,
  pathAndQuery: string,
  ask: Ask = {},
): Promise<Answer> {
  const { hostname, port } = new URL(url)
  const body = ask.raw ?? (ask.body === undefined ? undefined : JSON.stringify(ask.body))
  const headers = {
    ...(body !== undefined && { 'Content-Type': 'application/json' }),
    ...(ask.token !== undefined && { Authorization: `Bearer ${ask.token}` }),
    ...ask.headers,
  }
  const where = { host: hostname, port, path: pathAndQuery, agent, servername: 'localhost' }
  const request = httpsRequest({ ...where, method, ca, headers })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const content = await text(response)
  const isJson = response.headers['content-type']?.startsWith('application/json') === true
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: content,
    json: isJson ? JSON.parse(content) : undefined,
  }
}
