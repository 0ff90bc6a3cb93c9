// Asks the identity provider: HTTPS only, with the CA of the configuration, no redirects, and bounds on the size of an
// answer and on the time of the whole login that asks. It has the form of `fetch`, as the library takes it.

import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { LoginError } from './error.ts'

/** An answer of the identity provider. */
const oidcAnswerBytesMax = 1024 * 1024

export interface AskOptions {
  /** PEM; null: the public CAs that come with Node.js. Read each time. */
  readonly caFile: string | null
  /** Ends everything that is under way. */
  readonly signal: AbortSignal
}

interface Asked {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Throws errors of the system, the reason of the signal, and LoginError for an answer that is too large. */
export async function ask(
  url: string,
  httpRequest: Asked,
  { caFile, signal }: AskOptions,
): Promise<Response> {
  const ca = caFile === null ? undefined : await readFile(caFile)
  const body =
    httpRequest.body === undefined || httpRequest.body === null ? undefined : textOf(httpRequest.body)
  const { promise, resolve, reject } = Promise.withResolvers<Response>()
  const { method, headers } = httpRequest
  const outgoing = request(url, { method, headers, signal, ...(ca && { ca }) })
  // Logins are rare: a connection that is kept for later would only be one to lose.
  outgoing.setHeader('Connection', 'close')
  outgoing.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error))
  outgoing.on('response', (incoming) => {
    const chunks: Buffer[] = []
    let length = 0
    incoming.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length > oidcAnswerBytesMax)
        outgoing.destroy(
          new LoginError(
            'unreachable',
            `the identity provider answers with more than ${oidcAnswerBytesMax} bytes`,
          ),
        )
    })
    incoming.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error))
    incoming.on('end', () => {
      const type = incoming.headers['content-type']
      const { statusCode: status = 0 } = incoming
      try {
        const whole = [204, 205, 304].includes(status) ? null : Buffer.concat(chunks)
        resolve(new Response(whole, { status, headers: type === undefined ? {} : { 'content-type': type } }))
      } catch (error) {
        reject(error)
      }
    })
  })
  outgoing.end(body)
  return promise
}

/** The library sends forms and nothing else. */
function textOf(body: unknown): string {
  if (body instanceof URLSearchParams || typeof body === 'string') return body.toString()
  throw new TypeError('only forms are sent to the provider')
}
