// vCenter's TLS certificate: shows it before anything is sent, and opens connections that only a trusted vCenter gets. It knows no HTTP.

import { hash, type X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { isIP } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { Clock } from '../../core/ports/clock.ts'
import { VsphereError } from './errors.ts'

export interface VcenterAddress {
  /** A name, or an IP address without brackets. */
  readonly host: string
  readonly port: number
}

/**
 * `fingerprint`: SHA-256 of the certificate's DER, 64 lower-case hex digits; nothing else about the certificate counts. `authorities`:
 * at least one CA, which may be an intermediate one; the certificate must be valid and name the host.
 */
export type VcenterTrust =
  { readonly fingerprint: string } | { readonly authorities: readonly X509Certificate[] }

export interface HandshakeOptions {
  /** The time for the connection and its TLS handshake. */
  readonly waitMs: number
  readonly clock: Pick<Clock, 'after'>
}

export interface VcenterCertificate {
  readonly leaf: X509Certificate
  /** SHA-256 of the leaf's DER, lower-case hex. */
  readonly fingerprint: string
  /** The certificates above the leaf, in order. */
  readonly chain: readonly X509Certificate[]
}

/** The certificate that the server shows, trusted or not. Sends no byte of HTTP. Rejects with VsphereError. */
export async function presentedCertificate(
  address: VcenterAddress,
  options: HandshakeOptions,
): Promise<VcenterCertificate> {
  const socket = await handshake(address, { rejectUnauthorized: false }, options)
  try {
    const leaf = leafOf(socket, address)
    const chain: X509Certificate[] = []
    for (let above = leaf.issuerCertificate; above; above = above.issuerCertificate) {
      if (chain.length >= chainMax || above.fingerprint256 === (chain.at(-1) ?? leaf).fingerprint256) break
      chain.push(above)
    }
    return { leaf, fingerprint: sha256(leaf), chain }
  } finally {
    socket.destroy()
  }
}

/** A connection to a server that is trusted, over which nothing was sent. Rejects with VsphereError. */
export async function connectTrusted(
  address: VcenterAddress,
  trust: VcenterTrust,
  options: HandshakeOptions,
): Promise<TLSSocket> {
  if ('authorities' in trust) {
    const ca = trust.authorities.map(String)
    return handshake(address, { ca, rejectUnauthorized: true, allowPartialTrustChain: true }, options)
  }
  const socket = await handshake(address, { rejectUnauthorized: false }, options)
  const shown = sha256(leafOf(socket, address))
  if (shown === trust.fingerprint) return socket
  socket.destroy()
  throw new VsphereError(
    'certificate',
    `${addressText(address)} shows another certificate than the trusted one. Its SHA-256 fingerprint is ${shown}, the trusted one is ${trust.fingerprint}`,
    {
      hint: 'If the certificate of vCenter was renewed, compare the fingerprint in vCenter itself and trust the new one. Otherwise another machine answers in its place.',
    },
  )
}

export function addressText({ host, port }: VcenterAddress): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

/** The error for a connection that failed. It has no cause, since errors of Node.js may hold bytes of an answer. */
export function connectionError(address: VcenterAddress, cause: unknown): VsphereError {
  if (cause instanceof VsphereError) return cause
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const text = cause instanceof Error ? cause.message : String(cause)
  const place = addressText(address)
  if (protocolCodes.test(code))
    return new VsphereError('unreachable', `What listens at ${place} does not speak TLS as vCenter (${code})`)
  if (httpCodes.test(code))
    return new VsphereError(
      'answer',
      `What answers at ${place} is not vCenter's API: it is not HTTP (${code})`,
    )
  if (certificateCodes.test(code))
    return new VsphereError('certificate', `${place} shows a certificate that is not trusted (${code})`, {
      hint: 'The certificate must be valid, name this host, and come from one of the trusted CAs.',
    })
  const reason = reasons[code] ?? (code === '' ? text : `${text} (${code})`.trim())
  return new VsphereError('unreachable', `${place} cannot be reached: ${reason}`)
}

const chainMax = 10
const certificateCodes = /CERT|SIGNATURE|ISSUER|ALTNAME|CRL|PATH_LENGTH|INVALID_(CA|PURPOSE)|HOSTNAME/
/** Codes of OpenSSL for the protocol; some of them name a certificate, but not vCenter's. */
const protocolCodes = /^(ERR_SSL_|EPROTO$)/
/** Codes of Node.js for an answer that is not HTTP. */
const httpCodes = /^HPE_/

const reasons: Readonly<Record<string, string | undefined>> = {
  ENOTFOUND: 'its name has no address (ENOTFOUND)',
  EAI_AGAIN: 'no name server answers (EAI_AGAIN)',
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED)',
  ECONNRESET: 'the connection was reset (ECONNRESET)',
  ETIMEDOUT: 'nothing answers there (ETIMEDOUT)',
}

async function handshake(
  address: VcenterAddress,
  tls: ConnectionOptions,
  { waitMs, clock }: HandshakeOptions,
): Promise<TLSSocket> {
  const { host, port } = address
  const servername = isIP(host) === 0 ? { servername: host } : {}
  const socket = connect({ host, port, ...servername, minVersion: 'TLSv1.2', ...tls })
  const timer = clock.after(waitMs, () => {
    const text = `${addressText(address)} cannot be reached: no TLS connection within ${waitMs / 1000} s`
    socket.destroy(new VsphereError('unreachable', text))
  })
  try {
    await once(socket, 'secureConnect')
    return socket
  } catch (error) {
    socket.destroy()
    throw connectionError(address, error)
  } finally {
    timer.cancel()
  }
}

function leafOf(socket: TLSSocket, address: VcenterAddress): X509Certificate {
  const leaf = socket.getPeerX509Certificate()
  if (leaf) return leaf
  socket.destroy()
  throw new VsphereError('certificate', `${addressText(address)} shows no certificate`)
}

function sha256({ raw }: X509Certificate): string {
  return hash('sha256', raw, 'hex')
}
