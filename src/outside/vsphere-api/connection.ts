// HTTPS to one vCenter: each new TLS connection is checked before a byte of HTTP goes over it, and each answer is read in bounded time
// and memory, piece by piece, with a turn of the event loop between the pieces. It repeats nothing, and knows no session.

import { once } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../core/ports/clock.ts'
import { AnswerTimes, ConnectionSlots } from './call-limits.ts'
import {
  addressText,
  connectionError,
  connectTrusted,
  type VcenterAddress,
  type VcenterTrust,
} from './certificate.ts'
import { VsphereError } from './errors.ts'
import { elementsOf, textAt } from './values.ts'
import { XmlError, xmlPieceBytes, XmlReader, type XmlBounds, type XmlElement } from './xml.ts'

const socketsMax = 4
const connectMs = 10_000
const answerMsUsual = 60_000
const silenceMsUsual = 60_000
/** Mortise closes a connection after this long without a call, before vCenter does. */
const idleMs = 15_000
/** The largest answer that is held as a whole. */
const wholeBytesMax = 32 * 1024 * 1024
/** The largest answer whose elements are handed over one by one. */
const streamBytesMax = 1024 * 1024 * 1024
const heldElementsMax = 200_000
const heldTextMax = 32 * 1024 * 1024
const versionsBytesMax = 256 * 1024

export interface AnswerLimits {
  /** Milliseconds for the whole answer; 60,000 if left out. */
  readonly answerMs?: number
  /** The longest time without a byte, in milliseconds; 60,000 if left out. */
  readonly silenceMs?: number
  /** Ends the call: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** The caller wipes it after the answer. */
  readonly body?: Buffer
}

export interface XmlAnswer {
  /** 200, or 500, with which SOAP answers faults. */
  readonly status: number
  readonly cookies: readonly string[]
  /** Without the elements that were handed over. */
  readonly root: XmlElement
}

export interface VsphereConnectionOptions {
  readonly address: VcenterAddress
  readonly trust: VcenterTrust
  readonly clock: Pick<Clock, 'after' | 'monotonic' | 'sleep'>
}

export class VsphereConnection {
  readonly address: VcenterAddress
  readonly clock: VsphereConnectionOptions['clock']
  readonly #agent: TrustedAgent
  readonly #slots = new ConnectionSlots(socketsMax)
  #version: Promise<string> | undefined
  readonly #closing = new AbortController()

  constructor(options: VsphereConnectionOptions) {
    this.address = options.address
    this.clock = options.clock
    this.#agent = new TrustedAgent(options)
  }

  /** The whole answer. Rejects with VsphereError. */
  async exchange(request: HttpRequest, bounds: AnswerLimits = {}): Promise<XmlAnswer> {
    return lastOf(this.#read(request, [], bounds, { bytesMax: wholeBytesMax, ...held }))
  }

  /**
   * The elements at the place, named from the root down, one by one; then the rest of the answer. Nothing is read while the caller works
   * on an element. The caller reads to the end or returns early; meanwhile one of four connections is in use. Rejects with VsphereError.
   */
  stream(
    request: HttpRequest,
    place: readonly string[],
    bounds: AnswerLimits = {},
  ): AsyncGenerator<XmlElement, XmlAnswer, undefined> {
    return this.#read(request, place, bounds, { bytesMax: streamBytesMax, ...held })
  }

  /** The newest version of the API, `urn:vim25`, that vCenter speaks: `8.0.3.0`. Asked once. Rejects with VsphereError. */
  version(): Promise<string> {
    if (this.#version) return this.#version
    const version = this.#readVersion()
    this.#version = version
    version.catch(() => (this.#version = undefined))
    return version
  }

  /** Ends all connections. Calls reject, those that run and later ones. */
  close(): void {
    this.#closing.abort(new VsphereError('unreachable', 'The connection to vCenter has been closed'))
    this.#agent.destroy()
  }

  async #readVersion(): Promise<string> {
    const request = { method: 'GET', path: '/sdk/vimServiceVersions.xml' } as const
    const { root } = await lastOf(this.#read(request, [], {}, { ...held, bytesMax: versionsBytesMax }))
    const entry = elementsOf(root, 'namespace').find((one) => textAt(one, 'name') === 'urn:vim25')
    const version = textAt(entry, 'version')?.trim() ?? ''
    if (!/^\d[\w.]{0,30}$/.test(version))
      throw new VsphereError('answer', `${addressText(this.address)} names no version of its API`, {
        hint: 'Check that this is the address of a vCenter.',
      })
    return version
  }

  async *#read(
    request: HttpRequest,
    place: readonly string[],
    { answerMs = answerMsUsual, silenceMs = silenceMsUsual, signal }: AnswerLimits,
    bounds: XmlBounds,
  ): AsyncGenerator<XmlElement, XmlAnswer, undefined> {
    const { signal: closing } = this.#closing
    const ends = signal ? AbortSignal.any([signal, closing]) : closing
    const giveBack = await this.#slots.take(ends)
    const late = new AbortController()
    const times = new AnswerTimes({
      answerMs,
      silenceMs,
      clock: this.clock,
      onExpiry: (reason) =>
        late.abort(new VsphereError('answer', `${addressText(this.address)} answers too slowly: ${reason}`)),
    })
    const end = AbortSignal.any([ends, late.signal])
    const outgoing = this.#send(request)
    const destroy = () => outgoing.destroy()
    end.addEventListener('abort', destroy)
    times.resume()
    try {
      const incoming = await responseOf(outgoing, end)
      times.heardByte()
      const status = this.#checkedStatus(incoming)
      const reader = new XmlReader(bounds, place)
      for await (const chunk of incoming as AsyncIterable<Buffer>) {
        times.heardByte()
        for (let at = 0; at < chunk.length; at += xmlPieceBytes) {
          const elements = reader.write(chunk.subarray(at, at + xmlPieceBytes))
          if (elements.length > 0) times.pause()
          for (const element of elements) yield element
          if (elements.length > 0) times.resume()
          await nextTurn()
        }
      }
      return { status, cookies: incoming.headers['set-cookie'] ?? [], root: reader.end() }
    } catch (error) {
      end.throwIfAborted()
      throw this.#failure(error)
    } finally {
      times.pause()
      end.removeEventListener('abort', destroy)
      // Changes nothing after a whole answer.
      outgoing.destroy()
      giveBack()
    }
  }

  #send({ method, path, headers, body }: HttpRequest): ClientRequest {
    const { host, port } = this.address
    const length = body && { 'Content-Length': body.length }
    const agent = this.#agent
    const outgoing = https.request({ host, port, agent, method, path, headers: { ...headers, ...length } })
    // `once` rejects with the first error; later ones change nothing.
    outgoing.on('error', () => undefined)
    outgoing.end(body)
    return outgoing
  }

  #checkedStatus({ statusCode: status = 0, headers }: IncomingMessage): number {
    const place = addressText(this.address)
    if (status === 502 || status === 503 || status === 504)
      throw new VsphereError(
        'unreachable',
        `vCenter's services at ${place} are not there: HTTP status ${status}`,
        {
          hint: 'vCenter may be starting, which takes some minutes.',
        },
      )
    const encoding = headers['content-encoding'] ?? 'identity'
    if ((status !== 200 && status !== 500) || encoding !== 'identity')
      throw new VsphereError(
        'answer',
        `What answers at ${place} is not vCenter's API: HTTP status ${status}`,
        {
          hint: 'Check that this is the address of a vCenter.',
        },
      )
    return status
  }

  #failure(cause: unknown): VsphereError {
    if (!(cause instanceof XmlError)) return connectionError(this.address, cause)
    return new VsphereError(
      'answer',
      `The answer of ${addressText(this.address)} is refused: ${cause.message}`,
      {
        cause,
      },
    )
  }
}

/** The value that a generator returns, without those that it yields. */
async function lastOf<T>(values: AsyncGenerator<unknown, T, undefined>): Promise<T> {
  for (;;) {
    const step = await values.next()
    if (step.done) return step.value
  }
}

/** Rejects as soon as the signal aborts, and when the request closes without an answer, as it does after one that changes the protocol. */
async function responseOf(outgoing: ClientRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const closed = once(outgoing, 'close', { signal }).then(() => {
    throw new Error('it ended the connection without an answer')
  })
  const [incoming] = await Promise.race([once(outgoing, 'response', { signal }), closed])
  return incoming as IncomingMessage
}

const held = { elementsMax: heldElementsMax, textMax: heldTextMax }

class TrustedAgent extends https.Agent {
  readonly #options: VsphereConnectionOptions
  #isDestroyed = false

  constructor(options: VsphereConnectionOptions) {
    super({ keepAlive: true, maxSockets: socketsMax, timeout: idleMs })
    this.#options = options
  }

  override destroy(): void {
    this.#isDestroyed = true
    super.destroy()
  }

  /** Hands a connection to HTTP only once its certificate is trusted. */
  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    void this.#connect(callback as Connected)
  }

  async #connect(connected: Connected): Promise<void> {
    const { address, trust, clock } = this.#options
    const result = await connectTrusted(address, trust, { waitMs: connectMs, clock }).catch(
      (error: unknown) => error as Error,
    )
    if (result instanceof Error) return connected(result)
    if (this.#isDestroyed) result.destroy()
    connected(null, result)
  }
}

type Connected = (error: Error | null, socket?: Duplex) => void
