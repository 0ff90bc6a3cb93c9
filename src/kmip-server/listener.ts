// Opens the mTLS door: takes connections, and makes a Connection of every peer that got through the handshake. A
// connection passes four stages: 'hello' (its ClientHello is read, no TLS yet), 'waiting' (for its turn), 'handshake',
// 'open'. One sweep looks at all deadlines. What a peer may do is not decided here.

import { once } from 'node:events'
import { createServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { limits as allLimits } from '../limits.ts'
import { neighbourhood, plainAddress } from './address.ts'
import { Budget } from './budget.ts'
import { codeOf, Connection } from './connection.ts'
import type { Door, DoorLimits, DoorOptions, HandshakeOutcome, ServerCertificate } from './door.ts'
import { Guests } from './guests.ts'
import { Handshakes, type Handshaking } from './handshakes.ts'
import { Hello } from './hello.ts'
import { Notices } from './notices.ts'
import { readPeer, type TlsSettings } from './tls.ts'

/** Opens the door; resolves once it takes connections. Rejects where the address cannot be had or the PEM does not fit. */
export async function listen(options: DoorOptions): Promise<Door> {
  const listener = new Listener(options)
  await listener.open()
  return listener
}

interface Guest extends Handshaking {
  readonly id: string
  readonly port: number
  connection: Connection | undefined
  readonly spare: boolean
}

class Listener implements Door {
  readonly #options: DoorOptions
  readonly #limits: DoorLimits
  readonly #now: () => number
  readonly #net: NetServer
  readonly #handshakes: Handshakes<Guest>
  readonly #guests: Guests<Guest>
  readonly #budget: Budget
  readonly #notices: Notices
  #sweeping: NodeJS.Timeout | undefined
  #lastId = 0
  #closing: Promise<void> | undefined
  #whenEmpty: (() => void) | undefined

  constructor(options: DoorOptions) {
    this.#options = options
    this.#limits = { ...allLimits, ...options.limits }
    const { clock } = options
    this.#now = clock === undefined ? () => performance.now() : () => clock.monotonic()
    this.#budget = new Budget(this.#limits.bufferedBytesMax)
    this.#notices = new Notices(options.log, this.#now)
    this.#handshakes = new Handshakes(this.#tlsSettings(options.serverCertificate), {
      limits: this.#limits,
      now: this.#now,
      notices: this.#notices,
      onOpen: (guest, socket) => this.#welcome(guest, socket),
      onError: (error) => options.log.error('the TLS server failed', { error }),
    })
    this.#guests = new Guests({
      max: this.#limits.connectionsMax,
      perNeighbourhoodMax: this.#limits.connectionsPerAddressMax,
      knownKeep: this.#limits.knownConnectionsKept,
      isKnown: (near) => this.#handshakes.subnets.isKnown(near),
    })
    this.#net = createServer({
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: this.#limits.tcpKeepAliveMs,
    })
    this.#net.on('connection', (raw) => this.#accept(raw))
    this.#announceGauges()
  }

  get address(): string {
    return this.#bound().address
  }

  get port(): number {
    return this.#bound().port
  }

  async open(): Promise<void> {
    const { host, port } = this.#options
    try {
      await this.#bind(host, port).catch((error: unknown) => {
        // All addresses of a machine without IPv6.
        if (host === '::' && codeOf(error) === 'EAFNOSUPPORT') return this.#bind('0.0.0.0', port)
        throw error
      })
    } catch (cause) {
      throw new Error(`listen on ${host} port ${port}: ${codeOf(cause)}`, { cause })
    }
    // Out of file descriptors, mostly. The next connection is accepted when there are some.
    this.#net.on('error', (error) =>
      this.#notices.warn('accept', 'a connection could not be accepted', { error }),
    )
    const {
      handshakeTimeoutMs,
      handshakeStallMs,
      messageTimeoutMs,
      idleTimeoutMs,
      writeTimeoutMs,
      lingerMs,
    } = this.#limits
    const shortest = Math.min(
      handshakeTimeoutMs,
      handshakeStallMs,
      messageTimeoutMs,
      idleTimeoutMs,
      writeTimeoutMs,
      lingerMs,
    )
    this.#sweeping = setInterval(() => this.#sweep(), Math.max(20, Math.min(1_000, shortest / 4)))
  }

  async #bind(host: string, port: number): Promise<void> {
    const bound = once(this.#net, 'listening')
    this.#net.listen({ host, port, backlog: this.#limits.acceptBacklog })
    await bound
  }

  setServerCertificate(next: ServerCertificate, ticketKeys: Buffer): void {
    this.#handshakes.setSettings({ ...this.#tlsSettings(next), ticketKeys })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  // ------------------------------------------------------------ the stages

  #accept(raw: Socket): void {
    this.#handshakes.accepted()
    raw.on('error', () => {
      // 'close' follows and is what counts.
    })
    const { remoteAddress, remotePort } = raw
    if (remoteAddress === undefined || remotePort === undefined) return void raw.destroy()
    const address = plainAddress(remoteAddress)
    const near = neighbourhood(address)
    this.#options.metrics.count('connections_accepted', {})
    if (!this.#placeFor(raw, address, near)) return
    const guest = this.#newGuest(raw, address, remotePort, near)
    this.#guests.add(guest)
    raw.on('close', () => this.#leave(guest))
  }

  #placeFor(raw: Socket, address: string, near: string): boolean {
    const reception = this.#closing === undefined ? this.#guests.receive(near) : undefined
    if (reception?.place === 'free') return true
    if (reception?.place === 'taken-from') {
      this.#options.metrics.count('connections_displaced', {})
      this.#notices.warn(
        'displaced',
        'all places are taken: one of the address that holds most is sent away',
        {
          from: reception.guest.address,
        },
      )
      this.#displace(reception.guest)
      return true
    }
    const reason = reception?.reason ?? 'closing'
    this.#options.metrics.count('connections_refused', { reason })
    if (reason !== 'closing')
      this.#notices.warn(`refused ${reason}`, 'no place for a connection', { address, reason })
    raw.destroy()
    return false
  }

  #newGuest(raw: Socket, address: string, port: number, near: string): Guest {
    const hello = new Hello(raw, this.#limits.helloBytesMax, {
      onReady: () => this.#handshakes.enter(guest),
      onNotTls: () => {
        this.#options.metrics.count('connections_refused', { reason: 'not-tls' })
        raw.destroy()
      },
    })
    this.#lastId += 1
    const guest: Guest = {
      id: `c${this.#lastId}`,
      address,
      port,
      neighbourhood: near,
      raw,
      hello,
      stage: 'hello',
      since: this.#now(),
      waitedMs: 0,
      failure: undefined,
      begun: undefined,
      connection: undefined,
      get spare() {
        return guest.connection?.spare ?? true
      },
    }
    return guest
  }

  /** Runs inside OpenSSL's last step of the handshake: nothing is destroyed here. */
  #welcome(guest: Guest, socket: TLSSocket): void {
    const durationMs = this.#now() - guest.since
    const { id: connectionId, address, port } = guest
    const peer = readPeer(socket, { connectionId, address, port }, this.#limits.certificateBytesMax)
    guest.connection = new Connection(socket, peer, {
      ...this.#options,
      limits: this.#limits,
      budget: this.#budget,
      neighbourhood: guest.neighbourhood,
      now: this.#now,
      onClosed: () => this.#leave(guest),
    })
    const { tlsVersion: version, resumed } = peer
    this.#options.metrics.count('handshakes', { result: 'ok', version, resumed: resumed ? 'true' : 'false' })
    void this.#greet(guest, { ok: true, peer, waitedMs: guest.waitedMs, durationMs })
    if (this.#closing !== undefined) setImmediate(() => guest.connection?.end())
  }

  #leave(guest: Guest): void {
    if (!this.#guests.remove(guest)) return
    this.#handshakes.leave(guest)
    const { metrics, log } = this.#options
    if (guest.stage === 'hello' || guest.stage === 'waiting') {
      metrics.count('connections_without_hello', { reason: guest.failure === 'timeout' ? 'timeout' : 'gone' })
    } else if (guest.stage === 'handshake') {
      const code = guest.failure ?? 'ECONNRESET'
      const { address, port, waitedMs } = guest
      metrics.count('handshakes', { result: 'failed', version: 'unknown', resumed: 'false' })
      log.debug('a handshake failed', { connection: guest.id, address, port, code })
      const durationMs = this.#now() - guest.since
      void this.#tell(guest, { ok: false, address, port, code, waitedMs, durationMs })
    }
    if (this.#guests.count === 0) this.#whenEmpty?.()
  }

  /** Never rejects. Resolves to whether the peer is trusted. */
  async #tell(guest: Guest, outcome: HandshakeOutcome): Promise<boolean> {
    try {
      return (await this.#options.onHandshake?.(outcome)) ?? false
    } catch (error) {
      this.#options.log.error('a handshake could not be noted', { connection: guest.id, error })
      return false
    }
  }

  /** A trusted client's subnet is known from now on. */
  async #greet(guest: Guest, outcome: HandshakeOutcome): Promise<void> {
    if (await this.#tell(guest, outcome)) this.#handshakes.trusted(guest)
  }

  #displace(guest: Guest): void {
    if (guest.connection === undefined) guest.raw.destroy()
    else guest.connection.cut('displaced')
    this.#leave(guest)
  }

  // ------------------------------------------------------------ time, and the end

  #sweep(): void {
    const now = this.#now()
    for (const guest of this.#guests) {
      if (guest.connection === undefined) this.#handshakes.sweep(guest, now)
      else guest.connection.sweep(now)
    }
  }

  async #close(): Promise<void> {
    this.#net.close()
    for (const guest of this.#guests) {
      if (guest.connection === undefined) guest.raw.destroy()
      else guest.connection.end()
    }
    if (this.#guests.count > 0) {
      const empty = new Promise<void>((resolve) => {
        this.#whenEmpty = resolve
      })
      const late = setTimeout(() => {
        for (const guest of this.#guests) {
          if (guest.connection === undefined) guest.raw.destroy()
          else guest.connection.cut('closing')
        }
      }, this.#limits.closeGraceMs)
      await empty
      clearTimeout(late)
    }
    clearInterval(this.#sweeping)
  }

  // ------------------------------------------------------------ small things

  #tlsSettings(serverCertificate: ServerCertificate): TlsSettings {
    const { ticketKeys, legacyTls = false } = this.#options
    return { serverCertificate, ticketKeys, legacyTls, limits: this.#limits }
  }

  #announceGauges(): void {
    const { metrics } = this.#options
    metrics.gauge('connections', () => this.#guests.count)
    metrics.gauge('handshakes_waiting', () => this.#handshakes.waiting)
    metrics.gauge('handshakes_active', () => this.#handshakes.active)
    metrics.gauge('bytes_buffered', () => this.#budget.bytes)
    metrics.gauge('requests_running', () => {
      let running = 0
      for (const guest of this.#guests) if (guest.connection?.answering === true) running += 1
      return running
    })
  }

  #bound(): AddressInfo {
    const bound = this.#net.address()
    if (bound === null || typeof bound === 'string') throw new Error('the door is not open')
    return bound
  }
}
