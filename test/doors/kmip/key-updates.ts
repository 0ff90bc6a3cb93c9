// Records of TLS 1.3 that ask for new keys (KeyUpdate, RFC 8446 §4.6.3), which Node's own client cannot send. Each is
// encrypted under the keys that the one before it began.

import { createCipheriv, createHmac } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { connectRaw, TlsClient, type TlsClientOptions } from '../../support/clients/tls-client.ts'

export interface UpdatingClient {
  /** It reads what the server sends. What it is to send goes to `raw`. */
  readonly client: TlsClient
  readonly raw: Socket
  /** The next so many key updates. Each asks the server for one of its own. */
  updates(count: number): Buffer
  /** A record of data behind them. Nothing can follow it. */
  last(data: Buffer): Buffer
}

/** Resolves once the handshake is done on both sides. */
export async function connectUpdating(options: TlsClientOptions): Promise<UpdatingClient> {
  const raw = await connectRaw(options)
  const version = { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' } as const
  const socket = connectTls({ socket: raw, rejectUnauthorized: false, ...version })
  let secret: Buffer = Buffer.alloc(0)
  socket.on('keylog', (line: Buffer) => {
    const [label, , hex = ''] = line.toString('latin1').trim().split(' ')
    if (label === 'CLIENT_TRAFFIC_SECRET_0') secret = Buffer.from(hex, 'hex')
  })
  const client = new TlsClient(socket, raw)
  // The server's ticket: it has the client's last record of the handshake.
  await once(socket, 'session')
  const update = (): Buffer => {
    const [keyUpdate, requested] = [24, 1]
    const made = record(secret, Buffer.from([keyUpdate, 0, 0, 1, requested]), 22)
    secret = expanded(secret, 'traffic upd', 32)
    return made
  }
  return {
    client,
    raw,
    updates: (count) => Buffer.concat(Array.from({ length: count }, update)),
    last: (data) => record(secret, data, 23),
  }
}

/** The first record under its keys, so that the nonce is the initialisation vector itself. `type`: of its content. */
function record(secret: Buffer, content: Buffer, type: number): Buffer {
  const bytes = content.length + 1 + 16
  const head = Buffer.from([23, 3, 3, bytes >> 8, bytes & 0xff])
  const [key, iv] = [expanded(secret, 'key', 16), expanded(secret, 'iv', 12)]
  const cipher = createCipheriv('aes-128-gcm', key, iv).setAAD(head)
  const inner = cipher.update(Buffer.concat([content, Buffer.from([type])]))
  return Buffer.concat([head, inner, cipher.final(), cipher.getAuthTag()])
}

/** HKDF-Expand-Label without a context, for no more bytes than one hash has. RFC 8446 §7.1. */
function expanded(secret: Buffer, label: string, bytes: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`)
  const info = Buffer.concat([Buffer.from([0, bytes, name.length]), name, Buffer.from([0, 1])])
  return createHmac('sha256', secret).update(info).digest().subarray(0, bytes)
}
