// Takes a connection from its whole ClientHello to an open TLS connection. OpenSSL verifies whatever chain a client
// sends, in one call, on the thread that serves everybody. So handshakes take turns, and those of unknown subnets are
// bounded in bytes, measured, and held to a share of the thread's time. Long handshakes go last, whoever makes them:
// a client that shares an attacker's address has a short one. This file does not decide what a peer may do.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Socket } from 'node:net'
import type { Server as TlsServer, TLSSocket } from 'node:tls'
import type { ListenerLimits } from './listener-limits.ts'
import { codeOf } from './error-code.ts'
import type { Hello } from './hello.ts'
import { MeteredStream } from './metered-stream.ts'
import type { Notices } from '../../core/server/notices.ts'
import type { Admission } from '../admission/admission.ts'
import type { StrangerRank } from '../admission/arrivals.ts'
import { Subnets, type Rank } from '../admission/subnets.ts'
import type { Work } from '../admission/turns.ts'
import { contextOptions, createTlsServer, type TlsSettings } from './tls.ts'

/** A connection during its handshake. The 'close' of its raw socket follows every failure. */
export interface Handshaking {
  readonly address: string
  readonly subnet: string
  readonly raw: Socket
  readonly hello: Hello
  stage: 'hello' | 'waiting' | 'handshake' | 'open'
  /** Monotonic milliseconds at which the stage began. */
  since: number
  waitedMs: number
  failure: string | undefined
  /** Its turns; undefined until its ClientHello is whole. */
  turn: Work | undefined
  /** undefined until the handshake begins. */
  begun: Begun | undefined
}

interface Begun {
  /** undefined: TLS reads the socket itself. */
  stream: MeteredStream | undefined
  /** Monotonic milliseconds at which the server last worked on it. */
  movedAt: number
  readonly threadMsBefore: number
  /** Its pieces took so much from the shares of unknown subnets. */
  readonly spentMs: Record<StrangerRank, number>
  /** The turn is given back: the handshake is done, or waits for its peer. */
  released: boolean
}

export interface HandshakesOptions<H> {
  readonly limits: ListenerLimits
  readonly admission: Pick<Admission, 'arrivals' | 'credit'>
  readonly now: () => number
  readonly notices: Notices
  /**
   * Called when the handshake is done, inside OpenSSL's last step of it. That step needs the socket afterwards, so
   * the callback must destroy nothing.
   */
  onOpen(handshaking: H, socket: TLSSocket): void
  /** Called after that, if the connection is metered: TLS has read so many bytes of whole records since its beginning. */
  onRead(handshaking: H, bytes: number): void
  onError(error: Error): void
}

export class Handshakes<H extends Handshaking> {
  readonly subnets: Subnets
  readonly #options: HandshakesOptions<H>
  readonly #tls: TlsServer
  readonly #arrivals: Admission['arrivals']
  readonly #credit: Admission['credit']
  /**
   * Node does not say which raw connection a TLS socket belongs to, so each handshake runs with itself in this
   * storage.
   */
  readonly #atHand = new AsyncLocalStorage<H>()

  constructor(settings: TlsSettings, options: HandshakesOptions<H>) {
    const { limits, now, admission } = options
    this.#options = options
    this.subnets = new Subnets(limits, now)
    this.#arrivals = admission.arrivals
    this.#credit = admission.credit
    this.#tls = createTlsServer(settings)
    this.#tls.on('secureConnection', (socket) => this.#open(socket))
    this.#tls.on('tlsClientError', (error, socket) => this.#fail(error, socket))
    this.#tls.on('error', (error) => options.onError(error))
  }

  get waiting(): number {
    return this.#arrivals.waiting
  }

  get active(): number {
    return this.#arrivals.active
  }

  setSettings(settings: TlsSettings): void {
    this.#tls.setSecureContext(contextOptions(settings))
  }

  /** A connection was accepted, whatever becomes of it. */
  accepted(): void {
    this.#arrivals.accepted()
  }

  /** The ClientHello of a connection is whole. */
  enter(handshaking: H): void {
    handshaking.stage = 'waiting'
    handshaking.since = this.#options.now()
    const turn: Work = { begin: () => this.#run(handshaking) }
    handshaking.turn = turn
    this.#arrivals.enter(handshaking.subnet, this.#rankOf(handshaking.subnet), turn)
  }

  /** The connection is closed. */
  leave(handshaking: H): void {
    const { turn, subnet } = handshaking
    if (turn) this.#arrivals.leave(subnet, turn)
    if (turn) this.#arrivals.leave(longLine(handshaking), turn)
    if (handshaking.begun !== undefined && handshaking.stage !== 'open')
      this.#end(handshaking, handshaking.begun)
  }

  /**
   * A trusted client made the handshake. The shares get its time back: they bound what strangers cost, and a whole
   * cluster whose hosts nobody knows yet must not wait for them when it boots.
   */
  trusted({ subnet, begun }: H): void {
    for (const rank of ['new', 'costly'] as const) this.#credit[rank].spend(-(begun?.spentMs[rank] ?? 0))
    this.subnets.authenticated(subnet)
    this.#arrivals.rerank(subnet, this.#rankOf(subnet))
  }

  /** The peer turned out to be a stranger, or wastes time: from now on others of its subnet are metered. */
  suspected({ subnet }: H): void {
    this.subnets.watch(subnet)
  }

  sweep(handshaking: H, now: number): void {
    const { handshakeTimeoutMs, handshakeWaitMs, handshakeStallMs } = this.#options.limits
    const { begun, stage, since } = handshaking
    if (begun !== undefined) {
      // The TLS server has its own timeout for the handshake.
      const waitsForPeer = begun.stream?.holding !== true
      if (waitsForPeer && now - begun.movedAt >= handshakeStallMs) this.#release(handshaking, begun)
    } else if (now - since >= (stage === 'hello' ? handshakeTimeoutMs : handshakeWaitMs)) {
      handshaking.failure = 'timeout'
      handshaking.raw.destroy()
    }
  }

  // ------------------------------------------------------------ a turn

  /** Returns true: the turn is used. */
  #run(handshaking: H): true {
    const { subnet, begun } = handshaking
    const threadMsBefore = threadMs()
    const before = this.#options.now()
    const line = lineOf(handshaking, this.#options.limits)
    const rank = this.#rankOf(line)
    if (begun === undefined) this.#begin(handshaking, threadMsBefore)
    else {
      begun.movedAt = before
      begun.stream?.feed()
    }
    if (handshaking.begun?.stream === undefined) return true
    // The share pays the elapsed time, for which the others waited. The subnet pays the processor time only, so it
    // does not pay for other programs of a busy machine. Long handshakes have a queue of their own.
    if (rank !== 'known') {
      const ms = this.#options.now() - before
      this.#credit[rank].spend(ms)
      handshaking.begun.spentMs[rank] += ms
    }
    if (line === subnet) this.subnets.charge(subnet, threadMs() - threadMsBefore)
    this.#arrivals.rerank(subnet, this.#rankOf(subnet))
    return true
  }

  /** TLS reads what the stream holds when its turn comes. */
  #resume(handshaking: H, begun: Begun): void {
    const line = lineOf(handshaking, this.#options.limits)
    if (handshaking.turn) this.#arrivals.resume(line, this.#rankOf(line), handshaking.turn)
    // The peer may take long, and must not keep others from beginning.
    if (line !== handshaking.subnet) this.#release(handshaking, begun)
  }

  #rankOf(line: string): Rank {
    return line.startsWith(long) ? 'costly' : this.subnets.rank(line)
  }

  #begin(handshaking: H, threadMsBefore: number): void {
    const now = this.#options.now()
    const { subnet, raw, hello } = handshaking
    handshaking.waitedMs = now - handshaking.since
    handshaking.since = now
    handshaking.stage = 'handshake'
    const spentMs = { new: 0, costly: 0 }
    const begun: Begun = { stream: undefined, movedAt: now, threadMsBefore, spentMs, released: false }
    handshaking.begun = begun
    const first = hello.take()
    // The peer left at this moment; 'close' follows.
    if (raw.destroyed || raw.readableEnded) return void raw.destroy()
    if (!this.subnets.isMetered(subnet)) {
      raw.unshift(first)
      return void this.#atHand.run(handshaking, () => this.#tls.emit('connection', raw))
    }
    // No client sends so much before the server's first message.
    if (first.length > this.#options.limits.untrustedHandshakeBytesMax) return this.#cut(handshaking)
    const stream = this.#metered(handshaking, begun, first)
    begun.stream = stream
    this.#atHand.run(handshaking, () => this.#tls.emit('connection', stream))
    // TLS reads from the next turn on.
    this.#resume(handshaking, begun)
  }

  #metered(handshaking: H, begun: Begun, first: Buffer): MeteredStream {
    const { limits } = this.#options
    return new MeteredStream(handshaking.raw, {
      first,
      handshakeBytesMax: limits.untrustedHandshakeBytesMax,
      lingerBytesMax: limits.lingerBytesMax,
      onHolding: () => this.#resume(handshaking, begun),
      onTooLong: () => this.#cut(handshaking),
      onRead: (bytes) => this.#options.onRead(handshaking, bytes),
    })
  }

  #cut(handshaking: H): void {
    const { limits, notices } = this.#options
    handshaking.failure = 'ERR_HANDSHAKE_TOO_LONG'
    notices.warn(
      'handshake too long',
      'the handshake of an unknown address is too long: its client has to send a shorter chain of certificates',
      { address: handshaking.address, bytesMax: limits.untrustedHandshakeBytesMax },
    )
    handshaking.raw.destroy()
  }

  // ------------------------------------------------------------ the end of a handshake

  #open(socket: TLSSocket): void {
    const handshaking = this.#atHand.getStore()
    if (handshaking?.begun === undefined || handshaking.stage !== 'handshake')
      return void setImmediate(() => socket.destroy())
    handshaking.stage = 'open'
    handshaking.begun.stream?.open()
    this.#end(handshaking, handshaking.begun)
    this.#options.onOpen(handshaking, socket)
  }

  #fail(error: Error, socket: TLSSocket): void {
    const handshaking = this.#atHand.getStore()
    if (handshaking !== undefined) {
      handshaking.failure ??= codeOf(error)
      const { address, failure: code } = handshaking
      const why = whyFailed(code)
      if (why !== undefined) this.#options.notices.warn(why, why, { address, code })
    }
    socket.destroy()
  }

  /**
   * An unmeasured handshake is judged by its whole duration. Other work ran meanwhile, so this only raises suspicion.
   */
  #end(handshaking: H, begun: Begun): void {
    this.#release(handshaking, begun)
    if (begun.stream !== undefined) return
    const { untrustedHandshakeBytesMax, handshakeSuspectMs } = this.#options.limits
    const long = handshaking.raw.bytesRead > untrustedHandshakeBytesMax
    if (long || threadMs() - begun.threadMsBefore > handshakeSuspectMs) this.subnets.watch(handshaking.subnet)
  }

  #release({ subnet }: H, begun: Begun): void {
    if (begun.released) return
    begun.released = true
    this.#arrivals.release(subnet)
  }
}

/** In words, where somebody has to do something about it. The words are a small fixed set. */
function whyFailed(code: string): string | undefined {
  const what = notShared[code]
  if (what !== undefined) return `a client cannot connect: it and this server have no ${what} in common`
  // OpenSSL has renamed its alerts from the time of SSLv3 (SSL/TLS_ALERT_…).
  const [, alert = ''] = /_ALERT_(.*)$/.exec(code) ?? []
  return refusals[alert]
}

const untrusting =
  "a client refuses this server's certificate: have it trust this one (vCenter: Establish Trust > Make vCenter Trust KMS), or reach the server by a name that stands in it"
/** The server's certificate is what a client sends these alerts about. */
const refusals: Readonly<Record<string, string>> = {
  UNKNOWN_CA: untrusting,
  BAD_CERTIFICATE: untrusting,
  CERTIFICATE_UNKNOWN: untrusting,
  UNSUPPORTED_CERTIFICATE: untrusting,
  CERTIFICATE_EXPIRED:
    "a client finds this server's certificate expired or not yet valid: set the client's clock right, or renew the certificate (mortise server-cert renew)",
}

/** A client offered these, and the server knows none of them, by OpenSSL's code. */
const notShared: Readonly<Record<string, string>> = {
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'version of TLS',
  ERR_SSL_NO_SHARED_CIPHER: 'TLS cipher suite (or elliptic curve for one)',
  ERR_SSL_NO_SUITABLE_KEY_SHARE: 'elliptic curve for TLS',
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: 'signature algorithm for TLS',
  ERR_SSL_NO_SHARED_SIGNATURE_ALGORITHMS: 'signature algorithm for TLS',
}

const long = 'long '

/** The queue of the handshake's next piece: that of its subnet, or the subnet's queue for long handshakes. */
function lineOf(handshaking: Handshaking, { longHandshakeBytes }: ListenerLimits): string {
  const bytes = handshaking.begun?.stream?.handshakeBytes ?? 0
  return bytes > longHandshakeBytes ? longLine(handshaking) : handshaking.subnet
}

function longLine({ subnet }: Handshaking): string {
  return long + subnet
}

/** Processor time of this thread so far, in milliseconds. Other programs on the machine do not count. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}
