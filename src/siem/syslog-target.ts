// Sends audit entries to a receiver of syslog over TLS (RFC 5425) or TCP (RFC 6587). Syslog has no answers. So an entry counts as
// taken once the other machine has acknowledged its bytes and the connection has lasted a while longer: a receiver that was
// killed in between loses what it had not stored yet, and gets it again.

import { readFile } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { limits } from '../limits.ts'
import type { PlacedEntry } from '../ports/audit.ts'
import type { Clock } from '../ports/clock.ts'
import { syslogFrame, type SyslogSource } from './syslog-message.ts'
import type { Session, Target } from './target.ts'
import { unacknowledgedBytes } from './unacknowledged.ts'

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

export function syslogTarget(options: SyslogOptions): Target {
  const { host, port, tls } = options.place
  const name = `${tls ? 'tls' : 'tcp'}://${host.includes(':') ? `[${host}]` : host}:${String(port)}`
  return {
    kind: 'syslog',
    name,
    open: async (stopping) => {
      const socket = await connected(options, stopping).catch((error: unknown) => {
        throw new Error(`${name}: ${problemOf(error)}`, { cause: error })
      })
      return new SyslogSession(socket, name, options)
    },
  }
}

async function connected({ place, files, clock }: SyslogOptions, stopping: AbortSignal): Promise<Socket> {
  const { host, port, tls } = place
  const [ca, cert, key] = tls ? await Promise.all([files.ca, files.certificate, files.key].map(pemOf)) : []
  const socket = tls
    ? connectTls({ host, port, minVersion: 'TLSv1.2', ...(ca && { ca }), ...(cert && key && { cert, key }) })
    : connectTcp({ host, port })
  stopping.addEventListener('abort', () => socket.destroy(), { once: true })
  if (stopping.aborted) socket.destroy()
  const timer = clock.after(limits.siemStallMs, () => socket.destroy(new Error('it does not answer')))
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  socket.once(tls ? 'secureConnect' : 'connect', () => resolve(undefined))
  socket.once('error', reject)
  socket.once('close', () => reject(new Error('it closed the connection')))
  try {
    await promise
    return socket.setKeepAlive(true, limits.siemKeepAliveMs)
  } finally {
    timer.cancel()
  }
}

async function pemOf(file: string | null): Promise<Buffer | undefined> {
  return file === null ? undefined : readFile(file)
}

interface Sent {
  readonly place: number
  readonly sentMs: number
  /** When the other machine was known to have it; undefined: not yet. */
  readonly acknowledgedMs: number | undefined
}

class SyslogSession implements Session {
  readonly #socket: Socket
  readonly #name: string
  readonly #options: SyslogOptions
  #sent: Sent[] = []
  #taken = 0
  #over: Error | undefined

  constructor(socket: Socket, name: string, options: SyslogOptions) {
    this.#socket = socket
    this.#name = name
    this.#options = options
    // Whatever a receiver says is thrown away; without reading, its end would go unnoticed.
    socket.resume()
    socket.on('error', (error) => this.#end(problemOf(error)))
    for (const event of ['end', 'close'] as const)
      socket.on(event, () => this.#end('the receiver closed the connection'))
  }

  async send(entries: readonly PlacedEntry[]): Promise<void> {
    const { source, textOf, clock } = this.#options
    const last = entries.at(-1)
    if (this.#over) throw this.#over
    if (!last) return
    const bytes = Buffer.concat(entries.map((entry) => syslogFrame(entry, source, textOf(entry))))
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const timer = clock.after(limits.siemStallMs, () => this.#end('the receiver takes nothing'))
    this.#socket.write(bytes, (error) => {
      if (error) this.#end(problemOf(error))
      resolve(undefined)
    })
    await promise
    timer.cancel()
    if (this.#over) throw this.#over
    this.#sent.push({ place: last.place, sentMs: clock.monotonic(), acknowledgedMs: undefined })
  }

  async taken(): Promise<number> {
    if (this.#sent.length > 0 && !this.#over) await this.#look()
    if (this.#over) throw this.#over
    return this.#taken
  }

  async close(): Promise<void> {
    this.#over ??= new Error(`${this.#name}: closed`)
    this.#socket.destroySoon()
  }

  async #look(): Promise<void> {
    const before = this.#sent.at(-1)?.place ?? 0
    const { localPort = 0, remotePort = 0 } = this.#socket
    const waiting = await unacknowledgedBytes({ localPort, remotePort })
    const nowMs = this.#options.clock.monotonic()
    const [first] = this.#sent
    if (waiting !== null && waiting > 0 && first && isStalled(first, nowMs))
      return this.#end('the receiver acknowledges nothing')
    this.#sent = this.#sent.map((sent) =>
      sent.place > before ? sent : { ...sent, acknowledgedMs: acknowledgedMs(sent, waiting, nowMs) },
    )
    const settled = this.#sent.filter(
      (sent) => sent.acknowledgedMs !== undefined && nowMs - sent.acknowledgedMs >= limits.siemSettleMs,
    )
    this.#taken = settled.at(-1)?.place ?? this.#taken
    this.#sent = this.#sent.filter(({ place }) => place > this.#taken)
  }

  #end(why: string): void {
    this.#over ??= new Error(`${this.#name}: ${why}`)
    this.#socket.destroy()
  }
}

function isStalled({ sentMs, acknowledgedMs: known }: Sent, nowMs: number): boolean {
  return known === undefined && nowMs - sentMs >= limits.siemStallMs
}

/** `waiting`: bytes of the connection; null: the system does not tell, so a stall would have shown by then. */
function acknowledgedMs(sent: Sent, waiting: number | null, nowMs: number): number | undefined {
  if (sent.acknowledgedMs !== undefined) return sent.acknowledgedMs
  if (waiting === null) return nowMs - sent.sentMs >= limits.siemStallMs ? nowMs : undefined
  return waiting === 0 ? nowMs : undefined
}

/** In words for people, with what to do. */
function problemOf(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  const known = problems[code]
  return known === undefined ? message : `${known} (${message})`
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
