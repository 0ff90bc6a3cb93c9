// The HTTPS listener of a fake, and what goes wrong between it and its callers on command.

import { once } from 'node:events'
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import https from 'node:https'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../server/free-port.ts'
import type { CloudReply, CloudRequest, FakeService } from './service.ts'

export const faultKinds = {
  status: 'answers `status` as the service does, and does nothing',
  'reset-before': 'cuts the connection and does nothing',
  'reset-after': 'does the work and cuts the connection',
  half: 'does the work and cuts the connection in the middle of the answer',
  slow: 'waits `ms` before it begins',
  hang: 'never answers',
  drip: 'answers one byte every `ms`',
  garbage: 'answers 200 with something that is no JSON',
  nonsense: 'answers 200 with JSON that means nothing',
  proxy: 'answers `status` with a web page, as a proxy in between would',
} as const

export interface CloudFault {
  readonly kind: keyof typeof faultKinds
  /** Left out: all calls but logins. */
  readonly on?: string
  readonly status?: number
  readonly ms?: number
  /** Seconds, sent as Retry-After. */
  readonly retryAfter?: number
  /** Left out: once. null: until it is taken back. */
  times?: number | null
}

export interface CloudCalled {
  readonly call: string
  /** 0: there was no whole answer. */
  status: number
}

export class CloudListener {
  readonly #service: FakeService
  readonly #server: http.Server | https.Server
  #port = 0
  #faults: CloudFault[] = []
  calls: CloudCalled[] = []
  clockOffsetMs = 0

  /** Without `tls` it speaks plain HTTP. */
  constructor(service: FakeService, tls?: { readonly cert: string; readonly key: string }) {
    this.#service = service
    const serve: RequestListener = (request, response) => {
      this.#serve(request, response).catch(() => response.destroy())
    }
    const kept = { keepAliveTimeout: 30_000 }
    this.#server = tls ? https.createServer({ ...tls, ...kept }, serve) : http.createServer(kept, serve)
  }

  get port(): number {
    return this.#port
  }

  nowMs(): number {
    return Date.now() + this.clockOffsetMs
  }

  async up(): Promise<void> {
    if (this.#server.listening) return
    this.#port ||= await freePort()
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async down(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  fault(fault: CloudFault): void {
    if (!(fault.kind in faultKinds))
      throw new Error(`a fault is one of ${Object.keys(faultKinds).join(', ')}`)
    this.#faults.push({ ...fault })
  }

  calm(): void {
    this.#faults = []
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request: CloudRequest = {
      method: incoming.method ?? '',
      url: new URL(incoming.url ?? '/', `https://${incoming.headers.host ?? 'localhost'}`),
      headers: incoming.headers as Record<string, string | undefined>,
      body: await buffer(incoming),
    }
    const called: CloudCalled = { call: this.#service.nameOf(request), status: 0 }
    this.calls.push(called)
    const fault = this.#strike(called.call)
    response.setHeader('Date', new Date(this.nowMs()).toUTCString())
    if (fault?.kind === 'slow') await sleep(fault.ms ?? 0)
    if (fault?.kind === 'reset-before') return void response.destroy()
    if (fault?.kind === 'hang') return void (await once(response, 'close'))
    const reply =
      fault?.kind === 'status'
        ? this.#service.trouble(fault.status ?? 500)
        : this.#service.answer(request, this.nowMs())
    if (fault?.kind === 'reset-after') return void response.destroy()
    await this.#send(response, reply, fault, called)
  }

  async #send(
    response: ServerResponse,
    reply: CloudReply,
    fault: CloudFault | undefined,
    called: CloudCalled,
  ): Promise<void> {
    const isProxy = fault?.kind === 'proxy'
    const status = isProxy
      ? (fault.status ?? 502)
      : fault?.kind === 'garbage' || fault?.kind === 'nonsense'
        ? 200
        : reply.status
    called.status = status
    const text = isProxy
      ? '<html>Told to.</html>'
      : fault?.kind === 'garbage'
        ? 'surely no JSON'
        : fault?.kind === 'nonsense'
          ? '{"ciphertext":3,"CiphertextBlob":[],"data":{}}'
          : JSON.stringify(reply.body)
    const bytes = Buffer.from(text)
    response.writeHead(status, {
      'Content-Type': isProxy ? 'text/html' : 'application/json',
      'Content-Length': bytes.length,
      ...(fault?.retryAfter !== undefined && { 'Retry-After': `${fault.retryAfter}` }),
      ...reply.headers,
    })
    if (fault?.kind === 'half') {
      called.status = 0
      await new Promise((resolve) => response.write(bytes.subarray(0, bytes.length >> 1), resolve))
      return void response.destroy()
    }
    if (fault?.kind !== 'drip') return void response.end(bytes)
    called.status = 0
    for (let at = 0; at < bytes.length && !response.destroyed; at++) {
      response.write(bytes.subarray(at, at + 1))
      await Promise.race([sleep(fault.ms ?? 60_000, undefined, { ref: false }), once(response, 'close')])
    }
    response.end()
  }

  #strike(call: string): CloudFault | undefined {
    for (const fault of this.#faults) {
      if (fault.on === undefined ? call === 'login' : fault.on !== call) continue
      const times = fault.times === undefined ? 1 : fault.times
      if (times !== null) {
        if (times <= 0) continue
        fault.times = times - 1
      }
      return fault
    }
    return undefined
  }
}
