// The TLS of the KMIP listener: versions, suites, sessions, and the peer's certificate. The handshake accepts every peer, with any
// certificate or none, because a vCenter that is not yet trusted must see our certificate, and this server records it as pending.
// core/trust/access decides for each message what a peer may do, by the pin or the CA of its certificate. OpenSSL does not decide that,
// and the server name that the client sent has no effect.

import { hash, constants } from 'node:crypto'
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import type { Peer } from './contract.ts'
import type { ServerCertificate } from '../../core/identity/tls-identity.ts'
import type { ListenerLimits } from './listener-limits.ts'

/**
 * A TLS server that never listens: the listener hands it raw connections one by one. It has no `ca`, so its request for a certificate
 * names no issuers, and every client sends the certificate that it has. It has no SNICallback, because vCenter addresses key providers
 * by IP address.
 */
export function createTlsServer(settings: TlsSettings): Server {
  return createServer({
    ...contextOptions(settings),
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: settings.limits.handshakeTimeoutMs,
  })
}

export interface TlsSettings {
  readonly serverCertificate: ServerCertificate
  readonly ticketKeys: Buffer
  readonly limits: Pick<ListenerLimits, 'handshakeTimeoutMs' | 'tlsSessionSeconds'>
}

/** All options of the TLS context. `setSecureContext` resets the options that it does not receive, so a new certificate needs all of them. */
export function contextOptions(settings: TlsSettings): TlsOptions {
  if (settings.ticketKeys.length !== 48) throw new RangeError('ticketKeys must be 48 bytes')
  return {
    cert: settings.serverCertificate.certificate,
    key: settings.serverCertificate.key,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: suites.join(':'),
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
    // Without this id OpenSSL resumes no session with a client certificate, and some clients fail.
    sessionIdContext: 'mortise-kmip',
    ticketKeys: settings.ticketKeys,
    sessionTimeout: settings.limits.tlsSessionSeconds,
  }
}

/**
 * The cipher suites, in order of preference. The last six have no forward secrecy. vCenter 6.x and 7.x use them with older key servers,
 * and some clients offer AES128-SHA256 alone.
 */
const suites = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-AES256-SHA384',
  'ECDHE-RSA-AES128-SHA256',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-RSA-AES256-SHA',
  'ECDHE-RSA-AES128-SHA',
  'AES256-GCM-SHA384',
  'AES128-GCM-SHA256',
  'AES256-SHA256',
  'AES128-SHA256',
  'AES256-SHA',
  'AES128-SHA',
] as const

/** The peer of a connection whose handshake is done. A resumed session has the certificate that it began with. `bytes`: of the handshake. */
export function readPeer(
  socket: TLSSocket,
  place: { readonly connectionId: string; readonly address: string; readonly port: number },
  bytes: number,
  limits: Pick<ListenerLimits, 'certificateBytesMax' | 'longHandshakeBytes'>,
): Peer {
  const der = peerCertificate(socket, bytes <= limits.longHandshakeBytes)
  return {
    ...place,
    certificate:
      der === undefined || der.length > limits.certificateBytesMax
        ? null
        : { der, sha256: hash('sha256', der, 'hex') },
    tlsVersion: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
    resumed: socket.isSessionReused(),
  }
}

/**
 * `getPeerX509Certificate` keeps the peer's chain in OpenSSL's memory, which the garbage collector does not count, so it serves short chains
 * alone. `getPeerCertificate` makes texts of the certificate's whole content, which is a tenth of the cost of a resumed connection.
 */
function peerCertificate(socket: TLSSocket, isShort: boolean): Buffer | undefined {
  if (isShort) return socket.getPeerX509Certificate()?.raw
  return socket.getPeerCertificate(false).raw
}
