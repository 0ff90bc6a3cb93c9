// What a stranger does to be seen: shows a certificate in a handshake, asks once, and leaves.

import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { enumeration, integer, operations, struct, write } from '../clients/wire.ts'
import type { Listening } from './target.ts'

/** Discover Versions, KMIP 1.4. */
const message = write(
  struct(
    'RequestMessage',
    struct(
      'RequestHeader',
      struct('ProtocolVersion', integer('ProtocolVersionMajor', 1), integer('ProtocolVersionMinor', 4)),
      integer('BatchCount', 1),
    ),
    struct('BatchItem', enumeration('Operation', operations.DiscoverVersions), struct('RequestPayload')),
  ),
)

/**
 * Resolves with whether an answer came: then the certificate was seen. `from`: the address that it comes from, on
 * loopback 127.0.0.2 and so on. Never rejects for what the server does.
 */
export async function showCertificate(
  { host, port }: Listening,
  tls: { readonly cert: string; readonly key: string },
  { from, signal }: { readonly from?: string; readonly signal?: AbortSignal } = {},
): Promise<boolean> {
  const raw = connectTcp({ host, port, ...(from !== undefined && { localAddress: from }) })
  const socket = connectTls({ socket: raw, ...tls, rejectUnauthorized: false, minVersion: 'TLSv1.2' })
  let answered = false
  const leave = (): void => void socket.destroy()
  raw.on('error', leave)
  socket.on('error', leave)
  signal?.addEventListener('abort', leave)
  if (signal?.aborted) leave()
  socket.once('secureConnect', () => socket.write(message))
  socket.once('data', () => {
    answered = true
    leave()
  })
  await once(socket, 'close').catch(() => undefined)
  signal?.removeEventListener('abort', leave)
  return answered
}
