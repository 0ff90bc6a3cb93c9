// Tells systemd, if it started this server, that the server serves, that it stops and, for the watchdog, that a client's handshake
// with it still succeeds. A database or a root key that is away is no reason to be ended: a restart would lose the keys in memory.
// Node.js has no Unix datagram sockets, so systemd-notify sends the messages.

import { execFile } from 'node:child_process'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import type { Config } from '../outside/config/options.ts'
import type { Clock, Timer } from '../core/ports/clock.ts'
import type { Log } from '../core/ports/log.ts'
import { systemClock } from './system-clock.ts'

export interface ServiceManagerOptions {
  /** Sends fields such as READY=1. */
  readonly send: (...fields: readonly string[]) => Promise<void>
  /** Rejects if the server at this address does not answer. */
  readonly answers: (kmip: string, patienceMs: number) => Promise<void>
  /** After this long without a sign the service manager ends the process; null: it does not wait for one. */
  readonly watchdogMs: number | null
  readonly clock: Clock
  readonly log: Log
}

export class ServiceManager {
  readonly #options: ServiceManagerOptions
  #timer: Timer | undefined

  constructor(options: ServiceManagerOptions) {
    this.#options = options
  }

  /** From now on the server serves KMIP at this address. */
  async ready(kmip: string): Promise<void> {
    const { watchdogMs, clock } = this.#options
    await this.#send('READY=1', `STATUS=serves KMIP on ${kmip}`)
    if (watchdogMs === null) return
    const everyMs = Math.floor(watchdogMs / 3)
    this.#timer = clock.every(everyMs, () => void this.#sign(kmip, everyMs))
  }

  async stopping(): Promise<void> {
    this.#timer?.cancel()
    await this.#send('STOPPING=1')
  }

  async #sign(kmip: string, patienceMs: number): Promise<void> {
    try {
      await this.#options.answers(kmip, patienceMs)
    } catch (error) {
      this.#options.log.error(
        { error },
        'the watchdog gets no sign, since a handshake with this server failed',
      )
      return
    }
    await this.#send('WATCHDOG=1')
  }

  async #send(...fields: readonly string[]): Promise<void> {
    try {
      await this.#options.send(...fields)
    } catch (error) {
      this.#options.log.error({ error, fields }, 'the service manager learns nothing')
    }
  }
}

/** Returns the service manager (systemd) that started this process. Without a socket there is none, and it sends nothing. */
export function serviceManagerOf(parts: {
  readonly socket: string | null
  readonly watchdogMs: number | null
  readonly config: Config
  readonly log: Log
}): ServiceManager {
  const { socket, watchdogMs, config, log } = parts
  const mayExpectHeader = config.kmip.proxyProtocolFrom.length > 0
  return new ServiceManager({
    send: notifierOf(socket),
    answers: (kmip, patienceMs) => handshake(kmip, mayExpectHeader, patienceMs),
    watchdogMs,
    clock: systemClock,
    log,
  })
}

function notifierOf(socket: string | null): ServiceManagerOptions['send'] {
  const run = promisify(execFile)
  return async (...fields) => {
    if (socket === null) return
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin', NOTIFY_SOCKET: socket }
    await run('systemd-notify', [...fields], { env, timeout: 10_000 })
  }
}

/** A header of the PROXY protocol, version 2, that states no client: LOCAL. */
const localHeader = Buffer.from('\r\n\r\n\0\r\nQUIT\n\x20\0\0\0', 'latin1')

/**
 * Makes a handshake as a client does. `mayExpectHeader`: addresses of load balancers are configured, and this machine's own may be
 * one, whose connections begin with a header. Rejects if no handshake succeeds within the time.
 */
export async function handshake(kmip: string, mayExpectHeader: boolean, patienceMs: number): Promise<void> {
  const headers = mayExpectHeader ? [undefined, localHeader] : [undefined]
  const enough = new AbortController()
  try {
    await Promise.any(headers.map((header) => oneHandshake(kmip, header, patienceMs, enough.signal)))
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error
  } finally {
    enough.abort()
  }
}

function oneHandshake(
  kmip: string,
  header: Buffer | undefined,
  patienceMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { hostname, port } = new URL(`tls://${kmip}`)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const tcp: Socket = connectTcp({ host, port: Number(port), signal })
  tcp.on('error', reject)
  if (header) tcp.write(header)
  // The server is on this machine, and only whether it answers counts.
  const socket = connectTls({ socket: tcp, rejectUnauthorized: false }, resolve)
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('the connection was closed')))
  const timer = setTimeout(() => reject(new Error(`no handshake within ${patienceMs} ms`)), patienceMs)
  return promise.finally(() => {
    clearTimeout(timer)
    socket.destroy()
    tcp.destroy()
  })
}
