// Takes a connection from its whole ClientHello to an open TLS connection. OpenSSL verifies any chain that a client sends in one call, on
// the thread that serves all clients. So handshakes take turns. Those of unknown subnets are bounded in bytes, measured, and held to a
// share of the thread's time. Long handshakes go last for every client: so a client that shares an attacker's address, and has a short
// handshake, does not wait for the attacker. This file does not decide what a peer may do.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Socket } from 'node:net'
import type { Server as TlsServer, TLSSocket } from 'node:tls'
import type { ListenerLimits } from './listener-limits.ts'
import { errorCode } from './error-code.ts'
import type { Hello } from './hello.ts'
import { MeteredStream } from './metered-stream.ts'
import type { Notices } from '../../core/server/notices.ts'
import type { Admission } from '../admission/admission.ts'
import type { StrangerRank } from '../admission/arrivals.ts'
import { Subnets, type Rank } from '../admission/subnets.ts'
import type { Work } from '../admission/turns.ts'
import { contextOptions, createTlsServer, type TlsSettings } from './tls.ts'

/** A connection during its handshake. After every failure its raw socket closes. */
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
  /** Its entry in the queue of turns; undefined until its ClientHello is whole. */
  turn: Work | undefined
  /** The state of its handshake; undefined until that begins. */
  begun: Begun | undefined
}

interface Begun {
  /** undefined: TLS reads the socket itself. */
  stream: MeteredStream | undefined
  /** Monotonic milliseconds at which the server last worked on it. */
  movedAt: number
  readonly threadMsBefore: number
  /** The time that its steps took from each share of unknown subnets. */
  readonly spentMs: Record<StrangerRank, number>
  /** Whether it has given back its place among the active handshakes: it is done, or waits for its peer. */
  released: boolean
}

export interface HandshakesOptions<H> {
  readonly limits: ListenerLimits
  readonly admission: Pick<Admission, 'arrivals' | 'credit'>
  readonly now: () => number
  readonly notices: Notices
  /**
   * Called when the handshake is done, inside OpenSSL's last step of it. That step needs the socket afterwards, so the callback must not
   * destroy it.
   */
  onOpen(handshaking: H, socket: TLSSocket): void
  /** Called after `onOpen` for a metered connection. `bytes`: the whole records that TLS has read since the connection began. */
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
   * The handshake that runs. Node does not say which raw connection a TLS socket belongs to, so each handshake runs with its own entry in
   * this storage.
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

  /** The listener calls it for each accepted connection, also for one that it refuses then. */
  accepted(): void {
    this.#arrivals.accepted()
  }

  /** Queues the handshake of a connection whose ClientHello is whole. */
  enter(handshaking: H): void {
    handshaking.stage = 'waiting'
    handshaking.since = this.#options.now()
    const turn: Work = { begin: () => this.#run(handshaking) }
    handshaking.turn = turn
    this.#arrivals.enter(handshaking.subnet, this.#rankOf(handshaking.subnet), turn)
  }

  /** Takes a closed connection out of the queues. */
  leave(handshaking: H): void {
    const { turn, subnet } = handshaking
    if (turn) this.#arrivals.leave(subnet, turn)
    if (turn) this.#arrivals.leave(longLine(handshaking), turn)
    if (handshaking.begun !== undefined && handshaking.stage !== 'open')
      this.#end(handshaking, handshaking.begun)
  }

  /**
   * A trusted client made the handshake. Its time goes back to the shares, since they bound the cost of strangers alone. So a whole
   * cluster whose hosts are still unknown does not wait for the shares when it boots.
   */
  trusted({ subnet, begun }: H): void {
    for (const rank of ['new', 'costly'] as const) this.#credit[rank].spend(-(begun?.spentMs[rank] ?? 0))
    this.subnets.authenticated(subnet)
    this.#arrivals.rerank(subnet, this.#rankOf(subnet))
  }

  /** The peer is a stranger, or wastes time. From now on this server meters the handshakes of its subnet. */
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

  /** Does one step of the handshake. Returns true, since it has always used the turn. */
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
    // The share pays the elapsed time, for which other handshakes waited. The subnet pays the processor time alone, so it does not pay for
    // other programs on a busy machine. It does not pay for long handshakes, which have a queue of their own.
    if (rank !== 'known') {
      const ms = this.#options.now() - before
      this.#credit[rank].spend(ms)
      handshaking.begun.spentMs[rank] += ms
    }
    if (line === subnet) this.subnets.charge(subnet, threadMs() - threadMsBefore)
    this.#arrivals.rerank(subnet, this.#rankOf(subnet))
    return true
  }

  /** Queues the next step: when its turn comes, TLS reads the bytes that the stream holds. */
  #resume(handshaking: H, begun: Begun): void {
    const line = lineOf(handshaking, this.#options.limits)
    if (handshaking.turn) this.#arrivals.resume(line, this.#rankOf(line), handshaking.turn)
    // The peer of a long handshake may be slow, so it gives back its place: another handshake may begin.
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
    // The peer has just left, and the event 'close' follows.
    if (raw.destroyed || raw.readableEnded) return void raw.destroy()
    if (!this.subnets.isMetered(subnet)) {
      raw.unshift(first)
      return void this.#atHand.run(handshaking, () => this.#tls.emit('connection', raw))
    }
    // No real client sends more than this before the server's first message.
    if (first.length > this.#options.limits.untrustedHandshakeBytesMax) return this.#cut(handshaking)
    const stream = this.#metered(handshaking, begun, first)
    begun.stream = stream
    this.#atHand.run(handshaking, () => this.#tls.emit('connection', stream))
    // TLS reads the first bytes in the next turn.
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
      handshaking.failure ??= errorCode(error)
      const { address, failure: code } = handshaking
      const why = whyFailed(code)
      if (why !== undefined) this.#options.notices.warn(why, why, { address, code })
    }
    socket.destroy()
  }

  /**
   * Judges an unmetered handshake by the processor time from its beginning to its end. That includes other work of the thread, so the
   * result only causes this server to meter the next handshakes of the subnet.
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

/** The log line about a failure against which an administrator can do something. The texts are a small fixed set. */
function whyFailed(code: string): string | undefined {
  const what = notShared[code]
  if (what !== undefined) return `a client cannot connect: it and this server have no ${what} in common`
  // OpenSSL has renamed its alerts from the time of SSLv3 (SSL/TLS_ALERT_…).
  const [, alert = ''] = /_ALERT_(.*)$/.exec(code) ?? []
  return refusals[alert]
}

const untrusting =
  "a client refuses this server's certificate: have it trust this one (vCenter: Establish Trust > Make vCenter Trust KMS), or reach the server by a name that stands in it"
/** The alerts by which a client refuses this server's certificate. */
const refusals: Readonly<Record<string, string>> = {
  UNKNOWN_CA: untrusting,
  BAD_CERTIFICATE: untrusting,
  CERTIFICATE_UNKNOWN: untrusting,
  UNSUPPORTED_CERTIFICATE: untrusting,
  CERTIFICATE_EXPIRED:
    "a client finds this server's certificate expired or not yet valid: set the client's clock right, or renew the certificate (mortise server-cert renew)",
}

/** The thing of which client and server have none in common, by OpenSSL's code. */
const notShared: Readonly<Record<string, string>> = {
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'version of TLS',
  ERR_SSL_NO_SHARED_CIPHER: 'TLS cipher suite (or elliptic curve for one)',
  ERR_SSL_NO_SUITABLE_KEY_SHARE: 'elliptic curve for TLS',
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: 'signature algorithm for TLS',
  ERR_SSL_NO_SHARED_SIGNATURE_ALGORITHMS: 'signature algorithm for TLS',
}

const long = 'long '

/** The queue of the handshake's next step: that of its subnet, or the subnet's queue for long handshakes. */
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
