// A TLS client without manners or knowledge of KMIP: it sends the bytes it is told to, reads framed answers, and
// leaves by FIN or RST. It shows any certificate and checks none.

import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'

export interface TlsClientOptions extends Pick<
  ConnectionOptions,
  | 'cert'
  | 'key'
  | 'minVersion'
  | 'maxVersion'
  | 'ciphers'
  | 'session'
  | 'servername'
  | 'sigalgs'
  | 'ecdhCurve'
> {
  readonly port: number
  readonly host?: string
  /** The address it comes from: `127.0.0.2` counts as another neighbour. */
  readonly from?: string
  /** Sent before everything else, as a load balancer does (support/proxy-protocol.ts). */
  readonly before?: Uint8Array
  /** Does not end its own side when the server ends. */
  readonly staysOpen?: boolean
}

/** Resolves once the handshake is done, rejects where it fails. */
export async function connectClient(options: TlsClientOptions): Promise<TlsClient> {
  const raw = await connectRaw(options)
  const { port: _port, host: _host, from: _from, before: _before, staysOpen: _staysOpen, ...rest } = options
  const socket = connectTls({ socket: raw, rejectUnauthorized: false, ...rest })
  const client = new TlsClient(socket, raw)
  await client.secured
  return client
}

/** A TCP connection, for those that never speak TLS or break off before. */
export async function connectRaw(options: TlsClientOptions): Promise<Socket> {
  const { host = '127.0.0.1', port, from, before, staysOpen = false } = options
  const raw = connectTcp({
    host,
    port,
    noDelay: true,
    allowHalfOpen: staysOpen,
    ...(from === undefined ? {} : { localAddress: from }),
  })
  await once(raw, 'connect')
  raw.on('error', () => {
    // Resets are part of the tests; 'close' is waited for.
  })
  if (before !== undefined) raw.write(before)
  return raw
}

export class TlsClient {
  readonly socket: TLSSocket
  readonly raw: Socket
  readonly secured: Promise<void>
  /** Resolves when the server has ended its side or reset; the value is the error code, if any. */
  readonly ended: Promise<string | null>
  /** The last session that the server gave, for resumption. */
  session: Buffer | undefined
  #seen: Buffer = Buffer.alloc(0)
  #over = false
  readonly #waiting: (() => void)[] = []

  constructor(socket: TLSSocket, raw: Socket) {
    this.socket = socket
    this.raw = raw
    this.secured = new Promise((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('closed before the handshake was done')))
    })
    this.ended = new Promise((resolve) => {
      let code: string | null = null
      const over = (): void => {
        this.#over = true
        this.#wake()
        resolve(code)
      }
      socket.on('error', (error) => (code = 'code' in error ? String(error.code) : error.message))
      socket.on('end', over)
      socket.on('close', over)
    })
    socket.on('session', (session: Buffer) => (this.session = session))
    socket.on('data', (chunk: Buffer) => {
      this.#seen = Buffer.concat([this.#seen, chunk])
      this.#wake()
    })
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  /** The next whole TTLV message; undefined where the connection ends before one came. */
  async message(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#seen.length >= 8) {
        const bytes = 8 + this.#seen.readUInt32BE(4)
        if (this.#seen.length >= bytes) {
          const message = this.#seen.subarray(0, bytes)
          this.#seen = this.#seen.subarray(bytes)
          return message
        }
      }
      if (this.#over) return undefined
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  async ask(bytes: Uint8Array): Promise<Buffer | undefined> {
    this.send(bytes)
    return this.message()
  }

  /** close_notify and FIN. */
  end(): void {
    this.socket.end()
  }

  /** A TCP reset, without a word. The TLS socket is not destroyed as well: Node 24 may crash where both are. */
  reset(): void {
    this.raw.resetAndDestroy()
  }

  close(): void {
    this.socket.destroy()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

/** TLS 1.2 with one suite, ECDHE-RSA-AES128-GCM-SHA256, and the extensions that it needs. RFC 5246 §7.4.1.2. */
export const clientHello12 = ((): Buffer => {
  const extensions = hex('000a 0004 0002 0017  000b 0002 01 00  000d 0006 0004 0401 0804')
  const body = Buffer.concat([
    hex('0303'),
    Buffer.alloc(32, 7),
    hex('00  0002 c02f  01 00'),
    Buffer.from([extensions.length >> 8, extensions.length & 0xff]),
    extensions,
  ])
  const handshake = Buffer.concat([Buffer.from([1, 0, body.length >> 8, body.length & 0xff]), body])
  return Buffer.concat([
    hex('16 0301'),
    Buffer.from([handshake.length >> 8, handshake.length & 0xff]),
    handshake,
  ])
})()

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}
