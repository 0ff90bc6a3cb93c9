// One TLS connection to a KMIP server: sends a request and receives its answer, one at a time. It measures times, since
// no other code sees where connecting ends and the handshake begins. It never retries.

import { isIP } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { messageBytesMax } from '../../base/bounds.ts'
import { fingerprint } from '../../core/pki/fingerprint.ts'
import { Framer } from '../../wire/ttlv/framer.ts'
import type { Address } from '../../base/kmip-address.ts'
import { connectionCode, connectionTrouble, KmipTransportError } from './errors.ts'
import type { Stage } from './errors.ts'
import type { ClientTls } from './tls.ts'

const clientConnectTimeoutMs = 5_000
const clientHandshakeTimeoutMs = 10_000
const clientAnswerTimeoutMs = 30_000
/** After the client ends its side of a connection, the server has this long to end its side. */
const clientCloseGraceMs = 1_000

export interface Timeouts {
  readonly connectMs: number
  readonly handshakeMs: number
  /** The time from writing the request to receiving the whole answer. */
  readonly answerMs: number
}

export interface ClientConnectionOptions {
  readonly tls: ClientTls
  /** The local address to connect from. */
  readonly localAddress?: string | undefined
  readonly timeouts?: Partial<Timeouts> | undefined
  /** The session to resume. */
  readonly session?: TlsSession | undefined
}

/** The TLS session of an earlier connection. Only the server whose certificate that connection saw can resume it. */
export interface TlsSession {
  readonly ticket: Buffer
  readonly certificate: Buffer | undefined
}

/** Rejects with KmipTransportError `connect` or `handshake`. */
export function openConnection(
  address: Address,
  options: ClientConnectionOptions,
): Promise<ClientConnection> {
  const { tls, localAddress, session } = options
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  return new Promise((resolve, reject) => {
    const begunMs = performance.now()
    let connectMs = 0
    let stage: Stage = 'connect'
    const socket = connectTls({
      host: address.ip ?? address.host,
      port: address.port,
      secureContext: tls.context,
      // Node.js checks the certificate only for trust by a CA. For trust by fingerprint, the handler of `secureConnect` below compares it.
      rejectUnauthorized: tls.trust.by === 'authority',
      ...(isIP(address.host) === 0 && { servername: address.host }),
      ...(localAddress !== undefined && { localAddress }),
      ...(session !== undefined && { session: session.ticket }),
    })
    socket.setNoDelay(true)
    const fail = (what: string, code: string | undefined, cause?: Error): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(new KmipTransportError(stage, address, what, { code, cause }))
    }
    let timer = setTimeout(() => fail('no connection in time', 'TIMEOUT'), timeouts.connectMs)
    socket.once('connect', () => {
      connectMs = performance.now() - begunMs
      stage = 'handshake'
      clearTimeout(timer)
      timer = setTimeout(() => fail('the TLS handshake took too long', 'TIMEOUT'), timeouts.handshakeMs)
    })
    const onError = (error: Error): void => {
      const code = connectionCode(error)
      fail(connectionTrouble(error, code), code, error)
    }
    const onClose = (): void => fail('the server ended the connection during the TLS handshake', 'CLOSED')
    socket.on('error', onError)
    socket.on('close', onClose)
    socket.once('secureConnect', () => {
      const handshakeMs = performance.now() - begunMs - connectMs
      const shown = socket.getPeerX509Certificate()?.raw
      const certificate = shown ?? (socket.isSessionReused() ? session?.certificate : undefined)
      const sha256 = certificate === undefined ? '' : fingerprint(certificate)
      if (tls.trust.by === 'fingerprint' && tls.trust.sha256 !== sha256)
        return fail(`the server has another certificate: ${sha256}`, 'WRONG_CERTIFICATE')
      clearTimeout(timer)
      socket.off('error', onError).off('close', onClose)
      resolve(
        new ClientConnection(socket, address, timeouts.answerMs, {
          connectMs,
          handshakeMs,
          certificate,
          sha256,
        }),
      )
    })
  })
}

const defaultTimeouts: Timeouts = {
  connectMs: clientConnectTimeoutMs,
  handshakeMs: clientHandshakeTimeoutMs,
  answerMs: clientAnswerTimeoutMs,
}

interface Beginning {
  readonly connectMs: number
  readonly handshakeMs: number
  readonly certificate: Buffer | undefined
  readonly sha256: string
}

interface Waiting {
  readonly resolve: (answer: Buffer) => void
  readonly reject: (error: KmipTransportError) => void
  readonly timer: NodeJS.Timeout
}

export class ClientConnection {
  readonly address: Address
  /** The time to connect by TCP, including name resolution. */
  readonly connectMs: number
  /** The time from the TCP connection until TLS was established. */
  readonly handshakeMs: number
  /** DER of the server's certificate. */
  readonly serverCertificate: Buffer | undefined
  /** Lower-case hex; '' if there is no certificate. */
  readonly serverCertificateSha256: string
  readonly #socket: TLSSocket
  readonly #answerMs: number
  readonly #framer = new Framer({ messageBytesMax })
  readonly #closed: Promise<void>
  #waiting: Waiting | undefined
  /** The reason why the connection is not usable any more. */
  #over: KmipTransportError | undefined
  #answered = false
  #ticket: Buffer | undefined

  constructor(socket: TLSSocket, address: Address, answerMs: number, beginning: Beginning) {
    this.address = address
    this.connectMs = beginning.connectMs
    this.handshakeMs = beginning.handshakeMs
    this.serverCertificate = beginning.certificate
    this.serverCertificateSha256 = beginning.sha256
    this.#socket = socket
    this.#answerMs = answerMs
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('session', (ticket: Buffer) => (this.#ticket = ticket))
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error) => {
      const code = connectionCode(error)
      this.#end(this.#stage(code), connectionTrouble(error, code), code, error)
    })
    socket.on('end', () => this.#ended('the server ended the connection'))
    socket.on('close', () => this.#ended('the connection ended'))
  }

  /** False once either side has ended the connection, as far as we know. */
  get isOpen(): boolean {
    return this.#over === undefined
  }

  /** `TLSv1.2`, `TLSv1.3`. */
  get tlsVersion(): string {
    return this.#socket.getProtocol() ?? 'unknown'
  }

  /** OpenSSL's name: `ECDHE-RSA-AES256-GCM-SHA384`. */
  get cipher(): string {
    return this.#socket.getCipher().name
  }

  get isResumed(): boolean {
    return this.#socket.isSessionReused()
  }

  /** The session for another connection to resume. With TLS 1.3 it arrives some time after the handshake. */
  get session(): TlsSession | undefined {
    // With TLS 1.2 the handshake made the session before the constructor listened for 'session'.
    const ticket = this.#ticket ?? (this.tlsVersion === 'TLSv1.2' ? this.#socket.getSession() : undefined)
    return ticket && { ticket, certificate: this.serverCertificate }
  }

  /**
   * Sends one request and waits for its answer, which the caller must wipe. Rejects with KmipTransportError; after that
   * the connection is unusable.
   */
  exchange(request: Uint8Array): Promise<Buffer> {
    if (this.#waiting) throw new TypeError('a connection takes one request at a time')
    const over = this.#over
    if (over)
      return Promise.reject(
        new KmipTransportError('send', this.address, 'the connection had ended', {
          code: over.code,
          cause: over,
        }),
      )
    return new Promise((resolve, reject) => {
      const answerMs = this.#answerMs
      const timer = setTimeout(
        () => this.#end('answer', `no answer within ${answerMs} ms`, 'TIMEOUT'),
        answerMs,
      )
      this.#waiting = { resolve, reject, timer }
      this.#socket.write(request)
    })
  }

  /** Closes the connection in order (close_notify and FIN). Resolves when it is closed. */
  async close(): Promise<void> {
    this.#over ??= new KmipTransportError('send', this.address, 'closed by us', { code: 'CLOSED' })
    this.#socket.end()
    const timer = setTimeout(() => this.#socket.destroy(), clientCloseGraceMs)
    await this.#closed
    clearTimeout(timer)
  }

  #receive(chunk: Buffer): void {
    const { messages, halt } = this.#framer.push(chunk)
    for (const message of messages) this.#answer(message)
    if (halt?.kind !== 'broken') return
    const { error } = halt
    const what = `the server sent something that is not a KMIP message: ${error.message}`
    this.#end('protocol', what, undefined, error)
  }

  #answer(message: Buffer): void {
    const waiting = this.#waiting
    if (!waiting) return this.#end('protocol', 'the server sent a message without a request')
    this.#waiting = undefined
    this.#answered = true
    clearTimeout(waiting.timer)
    waiting.resolve(message)
  }

  #ended(what: string): void {
    if (this.#framer.partial) this.#end('answer', `${what} in the middle of its answer`, 'CUT')
    else this.#end('answer', what, 'CLOSED')
  }

  #end(stage: Stage, what: string, code?: string, cause?: Error): void {
    const error = new KmipTransportError(stage, this.address, what, { code, cause })
    this.#over ??= error
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting) {
      clearTimeout(waiting.timer)
      waiting.reject(error)
    }
    this.#socket.destroy()
  }

  /** With TLS 1.3 the server checks the client's certificate after the client considers the handshake complete. */
  #stage(code: string | undefined): Stage {
    return !this.#answered && code !== undefined && /^ERR_SSL_.*ALERT/.test(code) ? 'handshake' : 'answer'
  }
}
