// A KMIP client: several addresses of one server, connections kept or one for each piece of work, and what may be done
// again when a connection breaks. A change whose answer was lost is never sent twice by itself: whether it was done is
// for the caller to find out.

import type { Credential } from '../kmip/credential.ts'
import type { OperationName, Request, Response } from '../kmip/operations.ts'
import type { Address } from './address.ts'
import { openConnection, type Connection, type Timeouts } from './connection.ts'
import { KmipTransportError, noneAnswered } from './errors.ts'
import { Nodes } from './nodes.ts'
import { Session } from './session.ts'
import type { BatchOptions, BatchRequest, ClientVersion, Outcomes, Requester } from './session.ts'
import { clientTls, type ClientTls, type TlsOptions } from './tls.ts'

export interface ClientOptions extends TlsOptions {
  /** All of them serve the same keys; a new connection begins at the next one. */
  readonly addresses: readonly Address[]
  /** 1.4 when left out. */
  readonly version?: ClientVersion
  readonly credential?: { readonly username: string; readonly password: string } | undefined
  /** `kept` (default): a connection is used again. `per-work`: each piece of work has its own, as vSphere does. */
  readonly connections?: 'kept' | 'per-work'
  /** Pieces of work at the same time; more wait. 1 when left out. */
  readonly connectionsMax?: number
  readonly timeouts?: Partial<Timeouts>
  /** An address that failed is asked last for so long. */
  readonly restMs?: number
  readonly localAddress?: string | undefined
}

/** Throws TlsOptionsError. Nothing is connected before the first request. */
export function connect(options: ClientOptions): KmipClient {
  return new KmipClient(options)
}

export class KmipClient implements Requester, AsyncDisposable {
  readonly version: ClientVersion
  readonly #options: ClientOptions
  readonly #tls: ClientTls
  readonly #nodes: Nodes
  readonly #credential: Credential | undefined
  readonly #idle: Connection[] = []
  readonly #inUse = new Set<Connection>()
  readonly #waiting: (() => void)[] = []
  #running = 0
  #closed = false

  constructor(options: ClientOptions) {
    this.version = options.version ?? '1.4'
    this.#options = options
    this.#tls = clientTls(options)
    this.#nodes = new Nodes(options.addresses, options.restMs)
    this.#credential = options.credential && usernameAndPassword(options.credential)
  }

  /** Rejects with KmipRefused or KmipTransportError. What only reads is done again elsewhere when no answer comes. */
  request<N extends OperationName>(operation: N, request: Request<N>): Promise<Response<N>> {
    const repeatable = readers.has(operation)
    return this.work((session) => session.request(operation, request), { repeatable })
  }

  /** See Session.batch. */
  batch<const L extends readonly BatchRequest[]>(asked: L, options?: BatchOptions): Promise<Outcomes<L>> {
    const repeatable = asked.every(({ operation }) => readers.has(operation))
    return this.work((session) => session.batch(asked, options), { repeatable })
  }

  /**
   * Runs a piece of work on one connection. While nothing was sent, another connection or address takes its place;
   * after that only if it is `repeatable`, and then `run` is called once more from its beginning.
   */
  async work<T>(
    run: (session: Session) => Promise<T>,
    { repeatable = false }: { readonly repeatable?: boolean } = {},
  ): Promise<T> {
    if (this.#closed) throw new TypeError('the client was closed')
    const slot = await this.#slot()
    try {
      const attempts: KmipTransportError[] = []
      for (;;) {
        const { connection, wasKept } = await this.#take(attempts)
        const session = new Session(connection, this.version, this.#credential)
        const done = await this.#attempt(run, session)
        if ('value' in done) return done.value
        const { fault } = done
        const mayRepeat = !session.hasSent || repeatable
        if (!mayRepeat || fault.stage === 'protocol') throw fault
        // A kept connection that had died says nothing about its address.
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

  /** One try; the connection is kept, or gone, afterwards. */
  async #attempt<T>(
    run: (session: Session) => Promise<T>,
    session: Session,
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

  async #take(attempts: KmipTransportError[]): Promise<{ connection: Connection; wasKept: boolean }> {
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

  async #slot(): Promise<() => void> {
    if (this.#running >= (this.#options.connectionsMax ?? 1))
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    // A slot that is given back goes to who waits, without being counted down and up.
    return () => {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }
}

/** For `Authentication` (KMIP 1.4 §2.1.2). */
export function usernameAndPassword(given: {
  readonly username: string
  readonly password: string
}): Credential {
  return {
    CredentialType: 'UsernameAndPassword',
    CredentialValue: { Username: given.username, Password: given.password },
  }
}

/** Operations that change nothing, so that a second one does no harm. */
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
