// Opens the KMIP listener: accepts connections, and makes a Connection of every peer that finishes the handshake. A connection passes four
// stages: 'hello' (the listener reads its ClientHello, without TLS), 'waiting' (for its turn), 'handshake' and 'open'. A connection from a
// listed load balancer first waits for the header that states its client's address. One sweep checks all deadlines. This file does not
// decide what a peer may do.

import { createServer, type Server as NetServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { subnetOf, plainAddress } from '../../base/address.ts'
import { bind, boundAddress } from './bind.ts'
import { Admission } from '../admission/admission.ts'
import { HeldBytes, type Budget } from '../admission/budget.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { listenerLimits } from './listener-limits.ts'
import type {
  HandedListener,
  KmipListener,
  ListenAddress,
  ListenAddresses,
  ListeningAddress,
  ListenerOptions,
  HandshakeOutcome,
  Wire,
} from './contract.ts'
import type { ServerCertificate } from '../../core/identity/tls-identity.ts'
import type { ListenerLimits } from './listener-limits.ts'
import { clientPlaces, Places } from '../admission/places.ts'
import { Entrant } from './entrant.ts'
import { Handshakes } from './handshakes.ts'
import { Hello } from './hello.ts'
import { framerFor } from './message-framer.ts'
import { Notices } from '../../core/server/notices.ts'
import { ProxiedConnections } from './proxied-connections.ts'
import type { ProxySource } from './proxy-header.ts'
import { readPeer, type TlsSettings } from './tls.ts'
import { TlsOverhead } from './tls-overhead.ts'

/**
 * Resolves when the listener accepts connections. Rejects if the address is not available, or if key and certificate do not fit.
 */
export async function listen(options: ListenerOptions & ListenAddresses): Promise<KmipListener> {
  const listener = new Listener(options)
  await listener.open(options)
  return listener
}

/** A listener for connections that another process accepts. Throws if key and certificate do not fit. */
export function listenToHanded(options: ListenerOptions): HandedListener {
  const listener = new Listener(options)
  listener.watch()
  return listener
}

const strangersWait = 'handshakes of unknown addresses take more than their share of time, so they wait'

class Listener implements KmipListener, HandedListener {
  readonly #options: ListenerOptions
  readonly #limits: ListenerLimits
  readonly #now: () => number
  readonly #net: NetServer
  /** The second port, for KMIP over HTTPS. It listens only if the configuration has an address for HTTPS. */
  readonly #httpsNet: NetServer
  /** The connections to the second port. */
  readonly #overHttps = new WeakSet<Socket>()
  readonly #handshakes: Handshakes<Entrant>
  readonly #places: Places<Entrant>
  readonly #budget: Budget
  readonly #connectionOptions: ConnectionOptions
  readonly #notices: Notices
  readonly #proxied: ProxiedConnections
  #sweeping: NodeJS.Timeout | undefined
  #lastId = 0
  #closing: Promise<void> | undefined
  /** Whether the listener closes and the time for unfinished tasks (taskPauseMs) has passed. */
  #tasksAreOver = false
  #whenEmpty: (() => void) | undefined

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#limits = { ...listenerLimits, ...options.limits }
    const { clock } = options
    this.#now = clock === undefined ? performance.now.bind(performance) : clock.monotonic.bind(clock)
    this.#connectionOptions = { ...options, limits: this.#limits, now: this.#now }
    const admission = options.admission ?? new Admission({ limits: this.#limits, now: this.#now })
    admission.turns.onStrangersWait = () => this.#notices.warn('untrusted wait', strangersWait, {})
    this.#budget = admission.budget
    this.#notices = new Notices(options.log, this.#now)
    this.#handshakes = new Handshakes(this.#tlsSettings(options.serverCertificate), {
      limits: this.#limits,
      admission,
      now: this.#now,
      notices: this.#notices,
      onOpen: (entrant, socket) => this.#welcome(entrant, socket),
      onRead: (entrant, bytes) => entrant.connection?.noteRead(bytes),
      onError: (error) => options.log.error('the TLS server failed', { error }),
    })
    this.#proxied = new ProxiedConnections({
      from: options.proxyProtocolFrom ?? [],
      limits: this.#limits,
      now: this.#now,
      notices: this.#notices,
      metrics: options.metrics,
      onSource: (raw, source) => this.#admit(raw, source),
    })
    const isKnown = (near: string) => this.#handshakes.subnets.isKnown(near)
    this.#places = new Places({
      max: this.#limits.connectionsMax,
      perSubnetMax: this.#limits.connectionsPerAddressMax,
      policy: clientPlaces(this.#limits.knownConnectionsKept, isKnown),
    })
    this.#net = this.#createNet('ttlv')
    this.#httpsNet = this.#createNet('https')
    this.#announceGauges()
  }

  take(raw: Socket, wire: Wire): void {
    raw.setNoDelay(true)
    raw.setKeepAlive(true, this.#limits.tcpKeepAliveMs)
    this.#accept(raw, wire)
  }

  get address(): string {
    return boundAddress(this.#net).address
  }

  get port(): number {
    return boundAddress(this.#net).port
  }

  get https(): ListeningAddress | undefined {
    return this.#httpsNet.listening ? boundAddress(this.#httpsNet) : undefined
  }

  async open({ https, ...address }: ListenAddresses): Promise<void> {
    await this.#bind(this.#net, address)
    if (https !== undefined)
      await this.#bind(this.#httpsNet, https).catch(async (error: unknown) => this.#unbind(error))
    this.watch()
  }

  async #bind(net: NetServer, address: ListenAddress): Promise<void> {
    await bind(net, address, this.#limits.acceptBacklog)
    // The usual cause is that no file descriptors are left. The server accepts the next connection when there are some again.
    net.on('error', (error) => this.#notices.warn('accept', 'a connection could not be accepted', { error }))
  }

  #unbind(error: unknown): never {
    this.#net.close()
    throw error
  }

  /** Starts the sweep that checks the deadlines. */
  watch(): void {
    const {
      proxyHeaderTimeoutMs,
      handshakeTimeoutMs,
      handshakeStallMs,
      messageTimeoutMs,
      idleTimeoutMs,
      writeTimeoutMs,
      lingerMs,
    } = this.#limits
    const shortest = Math.min(
      proxyHeaderTimeoutMs,
      handshakeTimeoutMs,
      handshakeStallMs,
      messageTimeoutMs,
      idleTimeoutMs,
      writeTimeoutMs,
      lingerMs,
    )
    this.#sweeping = setInterval(() => this.#sweep(), Math.max(20, Math.min(1_000, shortest / 4)))
  }

  setServerCertificate(next: ServerCertificate, ticketKeys: Buffer): void {
    this.#handshakes.setSettings({ ...this.#tlsSettings(next), ticketKeys })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  // ------------------------------------------------------------ the stages

  #createNet(wire: Wire): NetServer {
    const keepAliveInitialDelay = this.#limits.tcpKeepAliveMs
    const net = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay })
    return net.on('connection', (raw) => this.#accept(raw, wire))
  }

  #accept(raw: Socket, wire: Wire): void {
    if (wire === 'https') this.#overHttps.add(raw)
    this.#handshakes.accepted()
    raw.on('error', () => {
      // The event 'close' follows, and its listener does the work.
    })
    const { remoteAddress, remotePort } = raw
    if (remoteAddress === undefined || remotePort === undefined) return void raw.destroy()
    this.#options.metrics.count('connections_accepted', {})
    const source = { address: plainAddress(remoteAddress), port: remotePort }
    if (this.#closing === undefined && this.#proxied.isListed(source.address))
      this.#proxied.expect(raw, source)
    else this.#admit(raw, source)
  }

  #admit(raw: Socket, source: ProxySource): void {
    const address = plainAddress(source.address)
    const near = subnetOf(address)
    if (!this.#placeFor(raw, address, near)) return
    const entrant = this.#newEntrant(raw, address, source.port, near)
    this.#places.add(entrant)
    raw.on('close', () => this.#leave(entrant))
  }

  #placeFor(raw: Socket, address: string, near: string): boolean {
    const offer = this.#closing === undefined ? this.#places.offer(near) : undefined
    if (offer?.place === 'free') return true
    if (offer?.place === 'taken-from') {
      this.#options.metrics.count('connections_displaced', {})
      this.#notices.warn(
        'displaced',
        'all places are taken, or all of one address: a connection of the address that holds most is ended',
        { from: offer.holder.address },
      )
      this.#displace(offer.holder)
      return true
    }
    const reason = offer?.reason ?? 'closing'
    this.#options.metrics.count('connections_refused', { reason })
    if (reason !== 'closing')
      this.#notices.warn(`refused ${reason}`, 'no place for a connection', { address, reason })
    raw.destroy()
    return false
  }

  #newEntrant(raw: Socket, address: string, port: number, near: string): Entrant {
    const hello = new Hello(raw, this.#limits.helloBytesMax, {
      onReady: () => this.#handshakes.enter(entrant),
      onNotTls: () => {
        this.#options.metrics.count('connections_refused', { reason: 'not-tls' })
        raw.destroy()
      },
    })
    this.#lastId += 1
    const id = `c${this.#lastId}`
    const wire = this.#overHttps.has(raw) ? 'https' : 'ttlv'
    const held = new HeldBytes(this.#budget, near)
    const entrant = new Entrant({ id, wire, address, port, subnet: near, held }, raw, hello, this.#now())
    return entrant
  }

  /** Makes the Connection of a finished handshake. It runs inside OpenSSL's last step of that, so it must not destroy the socket. */
  #welcome(entrant: Entrant, socket: TLSSocket): void {
    const durationMs = this.#now() - entrant.since
    const { id: connectionId, address, port } = entrant
    const place = { connectionId, address, port }
    const peer = readPeer(socket, place, entrant.raw.bytesRead, this.#limits)
    const framer = framerFor(entrant.wire, this.#limits)
    const { held } = entrant
    const overhead = new TlsOverhead(this.#limits, entrant.raw.bytesRead, entrant.isMetered)
    const onClosed = () => this.#leave(entrant)
    const parts = { framer, held, overhead, onClosed }
    entrant.connection = new Connection(socket, peer, parts, this.#connectionOptions)
    const { tlsVersion: version, resumed } = peer
    this.#options.metrics.count('handshakes', { result: 'ok', version, resumed: resumed ? 'true' : 'false' })
    void this.#greet(entrant, { ok: true, peer, waitedMs: entrant.waitedMs, durationMs })
    if (this.#tasksAreOver) entrant.connection.end()
  }

  #leave(entrant: Entrant): void {
    if (!this.#places.remove(entrant)) return
    entrant.connection = undefined
    entrant.held.close()
    this.#handshakes.leave(entrant)
    const { metrics, log } = this.#options
    if (entrant.stage === 'hello' || entrant.stage === 'waiting') {
      metrics.count('connections_without_hello', {
        reason: entrant.failure === 'timeout' ? 'timeout' : 'gone',
      })
    } else if (entrant.stage === 'handshake') {
      const code = entrant.failure ?? 'ECONNRESET'
      const { address, port, waitedMs } = entrant
      metrics.count('handshakes', { result: 'failed', version: 'unknown', resumed: 'false' })
      log.debug('a handshake failed', { connection: entrant.id, address, port, code })
      const durationMs = this.#now() - entrant.since
      void this.#tell(entrant, { ok: false, address, port, code, waitedMs, durationMs })
    }
    if (this.#places.count === 0) this.#whenEmpty?.()
  }

  /** Reports the outcome of a handshake. Never rejects. Resolves to whether the peer is trusted. */
  async #tell(entrant: Entrant, outcome: HandshakeOutcome): Promise<boolean> {
    try {
      return (await this.#options.onHandshake?.(outcome)) ?? false
    } catch (error) {
      this.#options.log.error('a handshake could not be noted', { connection: entrant.id, error })
      return false
    }
  }

  /** Reports a finished handshake. If the peer is trusted, its subnet counts as known from now on. */
  async #greet(entrant: Entrant, outcome: HandshakeOutcome): Promise<void> {
    if (!(await this.#tell(entrant, outcome))) return this.#handshakes.suspected(entrant)
    entrant.trusted = true
    this.#handshakes.trusted(entrant)
  }

  #displace(entrant: Entrant): void {
    if (entrant.connection === undefined) entrant.raw.destroy()
    else entrant.connection.cut('displaced')
    this.#leave(entrant)
  }

  // ------------------------------------------------------------ deadlines and closing

  #sweep(): void {
    const now = this.#now()
    this.#proxied.sweep(now)
    for (const entrant of this.#places) {
      const { connection, raw } = entrant
      if (!entrant.waitsInRoom()) this.#endFull(entrant)
      else if (connection === undefined) this.#handshakes.sweep(entrant, now)
      else if (entrant.isMetered || connection.noteRead(raw.bytesRead)) connection.sweep(now)
      else this.#handshakes.suspected(entrant)
    }
  }

  #endFull(entrant: Entrant): void {
    const { address, connection, raw } = entrant
    this.#notices.warn(
      'no room',
      'a connection is ended, since the server has no room left for bytes that wait on it',
      { address },
    )
    entrant.failure = 'ERR_NO_ROOM'
    if (connection === undefined) raw.destroy()
    else connection.cut('no-room')
  }

  async #close(): Promise<void> {
    this.#net.close()
    this.#httpsNet.close()
    this.#proxied.destroy()
    for (const { connection, stage, raw } of this.#places) {
      // A client may send its request with the last bytes of its handshake, so handshakes that run or wait for their turn go on.
      if (connection === undefined && stage === 'hello') raw.destroy()
      else if (connection?.mayBeInTask === false) connection.end()
    }
    if (this.#places.count > 0) {
      const tasks = setTimeout(() => {
        this.#tasksAreOver = true
        for (const { connection } of this.#places) connection?.end()
      }, this.#limits.taskPauseMs)
      const empty = new Promise<void>((resolve) => {
        this.#whenEmpty = resolve
      })
      const late = setTimeout(() => {
        for (const entrant of this.#places) {
          if (entrant.connection === undefined) entrant.raw.destroy()
          else entrant.connection.cut('closing')
        }
      }, this.#limits.closeGraceMs)
      await empty
      clearTimeout(tasks)
      clearTimeout(late)
    }
    clearInterval(this.#sweeping)
  }

  // ------------------------------------------------------------ helpers

  #tlsSettings(serverCertificate: ServerCertificate): TlsSettings {
    return { serverCertificate, ticketKeys: this.#options.ticketKeys, limits: this.#limits }
  }

  #announceGauges(): void {
    const { metrics } = this.#options
    metrics.gauge('connections', () => this.#places.count + this.#proxied.waiting)
    metrics.gauge('handshakes_waiting', () => this.#handshakes.waiting)
    metrics.gauge('handshakes_active', () => this.#handshakes.active)
    metrics.gauge('bytes_buffered', () => this.#budget.bytes)
    metrics.gauge('requests_running', () => {
      let running = 0
      for (const entrant of this.#places) if (entrant.connection?.answering === true) running += 1
      return running
    })
  }
}
