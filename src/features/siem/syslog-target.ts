// Sends audit entries to a receiver of syslog over TLS (RFC 5425) or TCP (RFC 6587). Syslog has no answers, and bytes that the
// other machine acknowledged may still wait there unread. So now and then, and once a connection has had its bytes, Mortise opens
// the next connection and ends the one before: a receiver ends it, too, once it has read everything (RFC 5425 §4.4). What it
// has read counts as taken once the next connection has lasted a while: a receiver that was killed in between loses what it
// had not stored yet, and gets it again.

import { readFile } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { PlacedEntry } from '../../core/ports/audit.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { syslogFrame, type SyslogSource } from './syslog-message.ts'
import type { TargetSession, SiemTarget } from './target.ts'

/** A receiver has to prove that it has read what it was sent so long ago; twice as long each time while there is more. */
export const siemProofMs = 1_000
export const siemProofMsMax = 30_000
/** After this many bytes at the latest a receiver has to prove that it read them. A slow receiver must read them within `siemStallMs`. */
const siemProofBytes = 1024 * 1024
/** A receiver surely has what it has read, once the next connection has lasted this long after it. */
export const siemSettleMs = 5_000
/** After this long without progress of the receiver, the target connects again. */
export const siemStallMs = 30_000
/** TCP asks a silent receiver's machine this often whether it is there. */
const siemKeepAliveMs = 10_000

export interface SyslogPlace {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

export interface SyslogOptions {
  readonly place: SyslogPlace
  /** PEM files, read for each connection, so that they can be replaced. null: the public CAs; no client certificate. */
  readonly files: Readonly<Record<'ca' | 'certificate' | 'key', string | null>>
  readonly source: SyslogSource
  readonly textOf: (entry: PlacedEntry) => string
  readonly clock: Pick<Clock, 'monotonic' | 'after'>
}

export function syslogTarget(options: SyslogOptions): SiemTarget {
  const { host, port, tls } = options.place
  const name = `${tls ? 'tls' : 'tcp'}://${host.includes(':') ? `[${host}]` : host}:${String(port)}`
  return {
    kind: 'syslog',
    name,
    open: async (stopping) => {
      const connect = () =>
        connected(options, stopping).catch((error: unknown) => {
          throw new Error(problemOf(error), { cause: error })
        })
      return new SyslogSession({ ...options, connect }, await connect())
    },
  }
}

async function connected({ place, files, clock }: SyslogOptions, stopping: AbortSignal): Promise<Socket> {
  const { host, port, tls } = place
  const [ca, cert, key] = tls ? await Promise.all([files.ca, files.certificate, files.key].map(pemOf)) : []
  const socket = tls
    ? connectTls({ host, port, minVersion: 'TLSv1.2', ...(ca && { ca }), ...(cert && key && { cert, key }) })
    : connectTcp({ host, port })
  const stop = () => socket.destroy()
  stopping.addEventListener('abort', stop)
  socket.once('close', () => stopping.removeEventListener('abort', stop))
  if (stopping.aborted) stop()
  const timer = clock.after(siemStallMs, () => socket.destroy(new Error('it does not answer')))
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  socket.once(tls ? 'secureConnect' : 'connect', () => resolve(undefined))
  socket.once('error', reject)
  socket.once('close', () => reject(new Error('it closed the connection')))
  try {
    await promise
    return socket.setKeepAlive(true, siemKeepAliveMs)
  } finally {
    timer.cancel()
  }
}

async function pemOf(file: string | null): Promise<Buffer | undefined> {
  return file === null ? undefined : readFile(file)
}

interface SessionOptions extends SyslogOptions {
  /** Opens another connection; rejects with an Error for people. */
  readonly connect: () => Promise<Socket>
}

class SyslogSession implements TargetSession {
  readonly #options: SessionOptions
  #connection: Connection
  /** The receiver has read everything up to these places, and may not have stored it yet. */
  #read: { readonly place: number; readonly atMs: number }[] = []
  #taken = 0
  #pauseMs: number = siemProofMs
  #provedMs: number

  constructor(options: SessionOptions, socket: Socket) {
    this.#options = options
    this.#connection = new Connection(socket)
    this.#provedMs = options.clock.monotonic()
  }

  async send(entries: readonly PlacedEntry[]): Promise<void> {
    const { source, textOf, clock } = this.#options
    const last = entries.at(-1)
    this.#connection.throwIfOver()
    if (!last) return
    const bytes = Buffer.concat(entries.map((entry) => syslogFrame(entry, source, textOf(entry))))
    await this.#connection.write(bytes, last.place, clock)
  }

  async taken(): Promise<number> {
    if (this.#isProofDue()) await this.#prove()
    this.#connection.throwIfOver()
    const nowMs = this.#options.clock.monotonic()
    this.#taken = this.#read.findLast(({ atMs }) => nowMs - atMs >= siemSettleMs)?.place ?? this.#taken
    this.#read = this.#read.filter(({ place }) => place > this.#taken)
    return this.#taken
  }

  async close(): Promise<void> {
    this.#connection.close()
  }

  /** Each proof costs the receiver a connection, so they become rarer until there is nothing to prove for a while. */
  #isProofDue(): boolean {
    const { sent } = this.#connection
    const nowMs = this.#options.clock.monotonic()
    if (sent) return sent.bytes >= siemProofBytes || nowMs - sent.sinceMs >= this.#pauseMs
    if (nowMs - this.#provedMs >= this.#pauseMs) this.#pauseMs = siemProofMs
    return false
  }

  /** Proves that the receiver has read what it was sent; a receiver that died meanwhile shows in the next connection. */
  async #prove(): Promise<void> {
    const { clock, connect } = this.#options
    const before = this.#connection
    const { place } = before.sent ?? { place: 0 }
    this.#connection = new Connection(await connect())
    await before.end(clock)
    this.#provedMs = clock.monotonic()
    this.#read.push({ place, atMs: this.#provedMs })
    this.#pauseMs = Math.min(2 * this.#pauseMs, siemProofMsMax)
  }
}

type Timers = Pick<Clock, 'after' | 'monotonic'>

/** From the first byte to the receiver's end of it. */
class Connection {
  readonly #socket: Socket
  /** The last place that was sent, the number of bytes, and when the first of them was; undefined: nothing was sent. */
  sent: { readonly place: number; readonly bytes: number; readonly sinceMs: number } | undefined
  #isEnding = false
  #hasReadAll = false
  #over: Error | undefined
  readonly #ended = Promise.withResolvers<undefined>()

  constructor(socket: Socket) {
    this.#socket = socket
    // Mortise throws away whatever a receiver says; without reading, its end would go unnoticed.
    socket.resume()
    socket.on('error', (error) => this.#fail(problemOf(error)))
    socket.on('end', () => {
      this.#hasReadAll = this.#isEnding
      if (this.#hasReadAll) this.#ended.resolve(undefined)
      else this.#fail('the receiver closed the connection')
    })
    socket.on('close', () => {
      if (!this.#hasReadAll) this.#fail('the receiver closed the connection')
      this.#ended.resolve(undefined)
    })
  }

  throwIfOver(): void {
    if (this.#over) throw this.#over
  }

  async write(bytes: Buffer, place: number, clock: Timers): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const timer = clock.after(siemStallMs, () => this.#fail('the receiver takes nothing'))
    this.#socket.write(bytes, (error) => {
      if (error) this.#fail(problemOf(error))
      resolve(undefined)
    })
    await promise
    timer.cancel()
    this.throwIfOver()
    const { bytes: sentBytes, sinceMs } = this.sent ?? { bytes: 0, sinceMs: clock.monotonic() }
    this.sent = { place, bytes: sentBytes + bytes.length, sinceMs }
  }

  /** Resolves once the receiver has read everything and has ended the connection, too. */
  async end(clock: Timers): Promise<void> {
    this.#isEnding = true
    const timer = clock.after(siemStallMs, () => this.#fail('the receiver does not read what it takes'))
    this.#socket.end()
    await this.#ended.promise
    timer.cancel()
    this.throwIfOver()
  }

  close(): void {
    this.#over ??= new Error('closed')
    this.#socket.destroySoon()
  }

  #fail(why: string): void {
    this.#over ??= new Error(why)
    this.#socket.destroy()
  }
}

/** In words for people, with what to do. OpenSSL's message has several lines; its `reason` alone is for people. */
function problemOf(error: unknown): string {
  const { code = '', message, reason = message } = error as NodeJS.ErrnoException & { reason?: string }
  const known = problems[code]
  return known === undefined ? reason : `${known} (${reason})`
}

const untrusted = 'its certificate is not trusted: name the CA that issued it in siem.caFile'

const problems: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: start the receiver, or correct siem.syslog',
  ENOTFOUND: 'there is no such host: correct siem.syslog',
  EAI_AGAIN: 'the name server does not answer',
  ETIMEDOUT: 'it does not answer: look at the network and its firewalls',
  EHOSTUNREACH: 'no way leads there: look at the network',
  ENOENT: 'a file that siem names does not exist',
  EACCES: 'this server may not read a file that siem names',
  EPROTO: 'it does not speak TLS as this server does; for a receiver without TLS: siem.syslog = "tcp://..."',
  ERR_SSL_WRONG_VERSION_NUMBER:
    'it does not speak TLS; for a receiver without TLS: siem.syslog = "tcp://..."',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: write that name in siem.syslog',
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'it asks for a certificate: name one in siem.certificateFile and siem.keyFile',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'it refused the handshake; it may ask for a certificate (siem.certificateFile, siem.keyFile)',
}
