// The HTTPS listener of the proxy: reads a request, has a method of the proxy answer it or passes it on to vcsim, and does what goes
// wrong on command. It knows no method.

import { once } from 'node:events'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MethodEntry, Methods, PassedAnswer, SoapCall } from './calls.ts'
import { bodyOf, envelope, faultEnvelope, refOf, responseEnvelope, vim, VimFault, vsan } from './soap.ts'
import { Troubles, type Trouble } from './troubles.ts'
import type { VcsimClient } from './vcsim-client.ts'
import { at, element, localName, type Xml } from './xml.ts'

export interface ListenerIdentity {
  /** PEM. */
  readonly cert: string
  readonly key: string
}

interface ListenerIdentities {
  readonly identity: ListenerIdentity
  /** Makes the one that a trouble `certificate` shows. */
  readonly renew: () => Promise<ListenerIdentity>
}

/** A whole answer. */
interface Reply {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: string
}

const requestBytesMax = 64 * 1024 * 1024
const defaultHugeBytes = 100 * 1024 * 1024
const defaultDripMs = 60_000
const paddingBytes = 64 * 1024
/** The last calls are kept. */
const callsMax = 100_000

export class ProxyListener {
  readonly troubles = new Troubles()
  /** The names of the methods that were called, in order. */
  calls: string[] = []
  readonly #vcsim: VcsimClient
  readonly #methods: Methods
  readonly #server: https.Server

  readonly #renew: () => Promise<ListenerIdentity>

  constructor(vcsim: VcsimClient, methods: Methods, { identity, renew }: ListenerIdentities) {
    this.#vcsim = vcsim
    this.#methods = methods
    this.#renew = renew
    this.#server = https.createServer({ ...identity, keepAliveTimeout: 60_000 }, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        process.stderr.write(`${String(error)}\n`)
        response.destroy()
      })
    })
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  /** Shows another certificate from now on, and ends all connections. */
  changeCertificate(identity: ListenerIdentity): void {
    this.#server.setSecureContext(identity)
    this.#server.closeAllConnections()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = await buffer(request)
    if (bytes.length > requestBytesMax) return void response.writeHead(413).end()
    const method = request.method === 'POST' ? read(bytes) : undefined
    const name = method && localName(method)
    if (name !== undefined) {
      this.calls.push(name)
      if (this.calls.length > callsMax) this.calls.shift()
    }
    const trouble = name === undefined ? undefined : this.troubles.strike(name)
    if (name !== undefined && trouble && (await this.#before(name, trouble, response))) return
    const entry = name === undefined ? undefined : this.#methods[name]
    if (method && entry) {
      const reply = await this.#answer(request, method, entry)
      return send(response, reply, trouble)
    }
    const aborted = new AbortController()
    response.once('close', () => aborted.abort())
    const answer = await this.#pass(request, bytes, aborted.signal).catch((error: unknown) => {
      if (aborted.signal.aborted) return undefined
      throw error
    })
    if (!answer) return
    const { statusCode: status = 502 } = answer
    if (trouble) return send(response, { status, headers: kept(answer), body: await text(answer) }, trouble)
    response.writeHead(status, kept(answer))
    // A client may go while vcsim answers.
    await pipeline(answer, response).catch(() => response.destroy())
  }

  /** What goes wrong before the work. Returns whether that is all. */
  async #before(name: string, trouble: Trouble, response: ServerResponse): Promise<boolean> {
    switch (trouble.kind) {
      case 'delay':
        await sleep(trouble.ms ?? 0)
        break
      case 'end-session':
        await this.#vcsim.endSessions()
        break
      case 'certificate':
        // This connection ends after the answer, and those that wait for no answer at once.
        this.#server.setSecureContext(await this.#renew())
        this.#server.closeIdleConnections()
        response.setHeader('Connection', 'close')
        break
      case 'answer': {
        const { text: only = '', fields } = trouble
        const value = element('returnval', fields ? fieldsOf(fields) : only)
        const body = responseEnvelope(vim, name, [value])
        await send(response, { status: 200, headers: xmlType, body }, undefined)
        return true
      }
      case 'hang':
        await end(response)
        return true
      case 'reset-before':
        reset(response)
        return true
      case 'status':
        response.writeHead(trouble.status ?? 503, { 'Content-Type': 'text/html' }).end('<html>503</html>')
        return true
      case 'fault': {
        const { fault = 'RuntimeFault', message = 'A fault of a test.', fields = {} } = trouble
        await send(response, faultReply(new VimFault(fault, message, fieldsOf(fields))), undefined)
        return true
      }
      case 'endless':
        await pad(response, name, Infinity)
        return true
      case 'huge':
        await pad(response, name, trouble.bytes ?? defaultHugeBytes)
        return true
      case 'drip':
      case 'reset-after':
      case 'reset-mid':
        break
    }
    return false
  }

  async #answer(incoming: IncomingMessage, request: Xml, entry: MethodEntry): Promise<Reply> {
    const name = localName(request)
    const self = refOf(at(request, '_this'))
    try {
      if (!self) throw new VimFault('InvalidRequest', 'The request names no object.')
      const pass = async (changed = request) => wholeAnswer(await this.#pass(incoming, envelope(changed)))
      if (entry.kind === 'own') {
        const refusal = await this.#sessionRefusal(incoming)
        if (refusal) return passedReply(refusal)
      }
      const call: SoapCall = { request, self, pass }
      const values = await entry.run(call)
      if ('status' in values) return passedReply(values)
      const namespace = incoming.url === '/vsanHealth' ? vsan : vim
      return { status: 200, headers: xmlType, body: responseEnvelope(namespace, name, values) }
    } catch (error) {
      if (error instanceof VimFault) return faultReply(error)
      process.stderr.write(`${name}: ${error instanceof Error ? error.stack : String(error)}\n`)
      return faultReply(new VimFault('SystemError', 'A general system error occurred.'))
    }
  }

  /** vcsim's fault, if the client's session is not alive. */
  async #sessionRefusal(incoming: IncomingMessage): Promise<PassedAnswer | undefined> {
    const self = element('_this', 'ServiceInstance', { type: 'ServiceInstance' })
    const ask = envelope(element('CurrentTime', [self], { xmlns: vim }))
    const answer = await wholeAnswer(
      await this.#pass({ headers: incoming.headers, method: 'POST', url: '/sdk' }, ask),
    )
    return answer.status === 200 ? undefined : answer
  }

  #pass(
    { url = '/', method, headers }: Pick<IncomingMessage, 'url' | 'method' | 'headers'>,
    body: string | Buffer,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const passed: OutgoingHttpHeaders = {}
    for (const name of ['content-type', 'soapaction', 'cookie', 'user-agent', 'vcsessioncookie'])
      if (headers[name] !== undefined) passed[name] = headers[name]
    return this.#vcsim.pass(url, { method, headers: passed, ...(signal && { signal }) }, body)
  }
}

const xmlType = { 'Content-Type': 'text/xml; charset=utf-8' }

/** Undefined for a body that is not SOAP, which vcsim refuses. */
function read(bytes: Buffer): Xml | undefined {
  try {
    return bodyOf(bytes.toString())
  } catch {
    return undefined
  }
}

async function wholeAnswer(answer: IncomingMessage): Promise<PassedAnswer> {
  return { status: answer.statusCode ?? 502, headers: kept(answer), body: bodyOf(await text(answer)) }
}

function kept({ headers }: IncomingMessage): OutgoingHttpHeaders {
  const { 'content-type': type, 'set-cookie': cookies } = headers
  return {
    ...(type !== undefined && { 'Content-Type': type }),
    ...(cookies !== undefined && { 'Set-Cookie': cookies }),
  }
}

function passedReply({ status, headers, body }: PassedAnswer): Reply {
  return { status, headers, body: envelope(body) }
}

function faultReply(fault: VimFault): Reply {
  return { status: 500, headers: xmlType, body: faultEnvelope(fault) }
}

function fieldsOf(fields: Readonly<Record<string, string>>): readonly Xml[] {
  return Object.entries(fields).map(([name, value]) => element(name, value))
}

// ---------------------------------------------------------------- Sending

async function send(
  response: ServerResponse,
  { status, headers, body }: Reply,
  trouble: Trouble | undefined,
): Promise<void> {
  if (trouble?.kind === 'reset-after') return reset(response)
  const bytes = Buffer.from(body)
  response.writeHead(status, { ...headers, 'Content-Length': bytes.length })
  if (trouble?.kind === 'reset-mid') {
    await new Promise((resolve) => response.write(bytes.subarray(0, bytes.length >> 1), resolve))
    return reset(response)
  }
  if (trouble?.kind !== 'drip') return void response.end(bytes)
  const gone = end(response)
  for (let index = 0; index < bytes.length && !response.destroyed; index++) {
    response.write(bytes.subarray(index, index + 1))
    await Promise.race([sleep(trouble.ms ?? defaultDripMs, undefined, { ref: false }), gone])
  }
  response.end()
}

/** TCP's RST, without the end of TLS. */
function reset({ socket }: ServerResponse): void {
  socket?.destroy()
}

/** An answer of the method with values that mean nothing, as long as the client takes it. */
async function pad(response: ServerResponse, name: string, bytesMax: number): Promise<void> {
  const [head, tail] = responseEnvelope(vim, name, [element('returnval', '|')]).split('|') as [string, string]
  const padding = `${'x'.repeat(paddingBytes)}</returnval><returnval>`
  response.writeHead(200, xmlType)
  response.write(head)
  const gone = end(response)
  for (let sent = head.length; sent < bytesMax && !response.destroyed; sent += padding.length)
    if (!response.write(padding)) await Promise.race([once(response, 'drain'), gone])
  response.end(tail)
}

/** Resolves when the connection is gone, or the whole answer was sent. */
function end(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.once('close', () => resolve()))
}
