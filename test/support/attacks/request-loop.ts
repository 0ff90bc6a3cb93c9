// Sends one HTTPS request again and again, each time after the whole answer, on a connection that it keeps if the server does.

import { Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Listening } from './target.ts'

export interface LoopRequest extends Pick<RequestOptions, 'method' | 'path' | 'cert' | 'key'> {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | undefined
}

/** A pause after a connection that the server closed without an answer. */
const afterFailureMs = 20

export async function requestLoop(where: Listening, about: LoopRequest, signal: AbortSignal): Promise<void> {
  const { body, headers, cert, key, ...options } = about
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false, cert, key })
  const length = body && { 'Content-Length': body.length }
  const whole = { ...where, ...options, agent, signal, headers: { ...headers, ...length } }
  while (!signal.aborted) if (!(await once(whole, body))) await sleep(afterFailureMs)
  agent.destroy()
}

/** Resolves to whether an answer came to its end. */
function once(options: RequestOptions, body: Buffer | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const request = httpsRequest(options, (response) => {
      response.on('end', () => resolve(true))
      response.on('close', () => resolve(false))
      response.resume()
    })
    request.on('error', () => resolve(false))
    request.on('close', () => resolve(false))
    request.end(body)
  })
}
