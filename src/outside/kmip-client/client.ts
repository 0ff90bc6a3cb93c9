// A KMIP client: several addresses of one server, connections that are reused or opened for each piece of work, and
// retries when a connection breaks. It never sends a change again whose answer was lost: the caller must find out
// whether the server did it.

import { type WireCredential, usernameAndPassword } from '../../wire/kmip/credential.ts'
import type { OperationName, Request, Response } from '../../wire/kmip/operations.ts'
import type { Address } from '../../base/kmip-address.ts'
import { openConnection, type ClientConnection, type Timeouts } from './connection.ts'
import { KmipTransportError, noneAnswered } from './errors.ts'
import { Nodes } from './nodes.ts'
import { KmipSession } from './session.ts'
import { Slots } from './slots.ts'
import type { ClientBatchOptions, BatchRequest, ClientVersion, Outcomes, Requester } from './session.ts'
import { clientTls, type ClientTls, type TlsOptions } from './tls.ts'

export interface ClientOptions extends TlsOptions {
  /** All these addresses serve the same keys. Each new connection tries another of them first, in turn. */
  readonly addresses: readonly Address[]
  /** Default: 1.4. */
  readonly version?: ClientVersion
  readonly credential?: { readonly username: string; readonly password: string } | WireCredential | undefined
  /** `kept` (default): connections are reused. `per-work`: each piece of work opens its own, like vSphere. */
  readonly connections?: 'kept' | 'per-work'
  /** How many pieces of work run at once; further ones wait. Default: 1. */
  readonly connectionsMax?: number
  readonly timeouts?: Partial<Timeouts>
  /** How long an address that failed is tried last, in milliseconds. */
  readonly restMs?: number
  /** Monotonic milliseconds, for `restMs`. */
  readonly now?: () => number
  readonly localAddress?: string | undefined
}

/** Throws TlsOptionsError. Connects with the first request, not before. */
export function connectKmip(options: ClientOptions): KmipClient {
  return new KmipClient(options)
}

export class KmipClient implements Requester, AsyncDisposable {
  readonly version: ClientVersion
  readonly #options: ClientOptions
  readonly #tls: ClientTls
  readonly #nodes: Nodes
  readonly #credential: WireCredential | undefined
  readonly #idle: ClientConnection[] = []
  readonly #inUse = new Set<ClientConnection>()
  readonly #slots: Slots
  #closed = false

  constructor(options: ClientOptions) {
    this.version = options.version ?? '1.4'
    this.#options = options
    this.#tls = clientTls(options)
    this.#nodes = new Nodes(options.addresses, options.restMs, options.now)
    this.#slots = new Slots(options.connectionsMax ?? 1)
    const { credential } = options
    this.#credential = credential && 'username' in credential ? usernameAndPassword(credential) : credential
  }

  /**
   * Rejects with KmipRefused or KmipTransportError. If no answer comes, sends a request that only reads again, on another connection or to
   * another address.
   */
  request<N extends OperationName>(operation: N, request: Request<N>): Promise<Response<N>> {
    const repeatable = readers.has(operation)
    return this.work((session) => session.request(operation, request), { repeatable })
  }

  /** As `batch` of KmipSession. If no answer comes, sends a batch that only reads again. */
  batch<const L extends readonly BatchRequest[]>(
    requests: L,
    options?: ClientBatchOptions,
  ): Promise<Outcomes<L>> {
    const repeatable = requests.every(({ operation }) => readers.has(operation))
    return this.work((session) => session.batch(requests, options), { repeatable })
  }

  /**
   * Runs a piece of work on one connection. As long as nothing was sent, it may switch to another connection or
   * address. After that it does so only for `repeatable` work, and then calls `run` once more from its beginning.
   */
  async work<T>(
    run: (session: KmipSession) => Promise<T>,
    { repeatable = false }: { readonly repeatable?: boolean } = {},
  ): Promise<T> {
    if (this.#closed) throw new TypeError('the client was closed')
    const slot = await this.#slots.take()
    try {
      const attempts: KmipTransportError[] = []
      for (;;) {
        const { connection, wasKept } = await this.#take(attempts)
        const session = new KmipSession(connection, this.version, this.#credential)
        const outcome = await this.#attempt(run, session)
        if ('value' in outcome) return outcome.value
        const { fault } = outcome
        const mayRepeat = !session.hasSent || repeatable
        if (!mayRepeat || fault.stage === 'protocol') throw fault
        // A dead kept connection says nothing about its address.
        if (wasKept) continue
        this.#nodes.failed(connection.address)
        attempts.push(fault)
        if (attempts.length >= this.#nodes.count) throw noneAnswered(attempts)
      }
    } finally {
      slot()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#idle.splice(0), ...this.#inUse].map((connection) => connection.close()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Makes one attempt. Afterwards keeps the connection for the next piece of work, or closes it. */
  async #attempt<T>(
    run: (session: KmipSession) => Promise<T>,
    session: KmipSession,
  ): Promise<{ readonly value: T } | { readonly fault: KmipTransportError }> {
    const { connection } = session
    this.#inUse.add(connection)
    try {
      const value = await run(session)
      this.#nodes.worked(connection.address)
      return { value }
    } catch (error) {
      if (error instanceof KmipTransportError) return { fault: error }
      throw error
    } finally {
      this.#inUse.delete(connection)
      const keep = this.#options.connections !== 'per-work' && !this.#closed && connection.isOpen
      if (keep) this.#idle.push(connection)
      else await connection.close()
    }
  }

  async #take(attempts: KmipTransportError[]): Promise<{ connection: ClientConnection; wasKept: boolean }> {
    for (let kept = this.#idle.pop(); kept; kept = this.#idle.pop())
      if (kept.isOpen) return { connection: kept, wasKept: true }
    const { timeouts, localAddress } = this.#options
    for (const address of this.#nodes.order()) {
      if (attempts.some((attempt) => attempt.address === address)) continue
      try {
        const connection = await openConnection(address, { tls: this.#tls, timeouts, localAddress })
        return { connection, wasKept: false }
      } catch (error) {
        if (!(error instanceof KmipTransportError)) throw error
        this.#nodes.failed(address)
        attempts.push(error)
      }
    }
    throw noneAnswered(attempts)
  }
}

/** Operations that change nothing, so repeating them is harmless. */
const readers: ReadonlySet<OperationName> = new Set<OperationName>([
  'DiscoverVersions',
  'Query',
  'Locate',
  'Check',
  'Get',
  'GetAttributes',
  'GetAttributeList',
  'Validate',
])
