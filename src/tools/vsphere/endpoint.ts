// The source of connections: a vCenter or a host. Each piece of work has a connection of its own, a few at a time, and
// continues at the next address if one does not answer.

import type { Address } from '../../base/kmip-address.ts'
import { openConnection, type ClientConnection } from '../../outside/kmip-client/connection.ts'
import { KmipRefused, KmipTransportError, noneAnswered } from '../../outside/kmip-client/errors.ts'
import { Nodes } from '../../outside/kmip-client/nodes.ts'
import type { ClientTls } from '../../outside/kmip-client/tls.ts'
import { Slots } from '../../outside/kmip-client/slots.ts'
import { VCenterSession, type SessionContext } from './vcenter-session.ts'

/** A piece of work failed. The run log has already recorded it, unless the simulation was interrupted. */
export class PieceFailed extends Error {
  override readonly name = 'PieceFailed'
}

export interface EndpointOptions extends SessionContext {
  readonly name: string
  readonly addresses: readonly Address[]
  readonly tls: ClientTls
  readonly localAddress?: string | undefined
  /** How many connections may be open at once. */
  readonly connectionsMax: number
  /** A slower handshake is a fault, since its client would give up. */
  readonly handshakeMsMax?: number
  /** No piece of work begins any more once it is aborted. */
  readonly signal?: AbortSignal | undefined
}

/** Generous: the simulator measures how long something takes and does not cut it off. */
const timeouts = { connectMs: 15_000, handshakeMs: 30_000, answerMs: 60_000 }

export class KmipEndpoint {
  readonly name: string
  readonly #options: EndpointOptions
  readonly #nodes: Nodes
  readonly #slots: Slots

  constructor(options: EndpointOptions) {
    this.name = options.name
    this.#options = options
    this.#nodes = new Nodes(options.addresses)
    this.#slots = new Slots(options.connectionsMax)
  }

  /**
   * Connects, completes the handshake and closes, without sending a byte: vCenter checks in this way whether the server
   * is there.
   */
  async handshake(): Promise<void> {
    await this.#connected('handshake', async () => {})
  }

  /** Runs a piece of work on a connection that begins like vCenter's. Rejects with PieceFailed. */
  work<T>(what: string, run: (session: VCenterSession) => Promise<T>): Promise<T> {
    return this.#connected(what, async (connection) => {
      const session = new VCenterSession(connection, this.#options)
      await session.discoverVersions()
      return run(session)
    })
  }

  async #connected<T>(what: string, run: (connection: ClientConnection) => Promise<T>): Promise<T> {
    const { runLog, signal } = this.#options
    const done = await this.#slots.take()
    const attempts: KmipTransportError[] = []
    try {
      if (signal?.aborted) throw new PieceFailed(`${this.name}: ${what}: interrupted`)
      for (const address of this.#nodes.order()) {
        if (attempts.length > 0) runLog.retried()
        try {
          const value = await this.#attempt(address, run)
          runLog.done()
          return value
        } catch (error) {
          if (error instanceof KmipRefused) throw this.#failed(what, error)
          if (!(error instanceof KmipTransportError)) throw error
          if (error.stage === 'protocol') throw this.#failed(what, error)
          this.#nodes.failed(address)
          attempts.push(error)
        }
      }
      throw this.#failed(what, noneAnswered(attempts))
    } finally {
      done()
    }
  }

  async #attempt<T>(address: Address, run: (connection: ClientConnection) => Promise<T>): Promise<T> {
    const { runLog, tls, localAddress, handshakeMsMax = Infinity } = this.#options
    const connection = await openConnection(address, { tls, localAddress, timeouts })
    runLog.connectMs.push(connection.connectMs)
    runLog.handshakeMs.push(connection.handshakeMs)
    if (connection.handshakeMs > handshakeMsMax)
      runLog.violation('handshake', `took longer than ${handshakeMsMax} ms: vSAN's health check would fail`)
    try {
      return await run(connection)
    } finally {
      await connection.close()
      this.#nodes.worked(address)
    }
  }

  #failed(what: string, error: Error): PieceFailed {
    const { runLog } = this.#options
    runLog.failed(what, error.message)
    if (error instanceof KmipRefused) runLog.refused(error)
    return new PieceFailed(`${this.name}: ${what}: ${error.message}`, { cause: error })
  }
}
