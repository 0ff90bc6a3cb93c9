// Checks which TLS the server speaks, of the kinds that vCenter and ESXi could offer, and reads its certificate. Sends
// nothing after a handshake.

import type { Address } from '../../base/kmip-address.ts'
import { openConnection, type Timeouts } from '../../outside/kmip-client/connection.ts'
import { KmipTransportError } from '../../outside/kmip-client/errors.ts'
import { clientTls, type ServerTrust, type TlsOptions } from '../../outside/kmip-client/tls.ts'
import type { Findings } from './doctor-findings.ts'
import { beginningText, overTcp, serviceAt, type Service } from './doctor-service.ts'

export interface Offer {
  readonly name: string
  readonly minVersion: NonNullable<TlsOptions['minVersion']>
  readonly maxVersion: NonNullable<TlsOptions['maxVersion']>
  readonly ciphers: string
}

/** Small keys and old hashes are allowed too: the doctor judges them itself instead of OpenSSL. */
const anySecurity = '@SECLEVEL=0'

export const offers = {
  any: { name: 'TLS', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', ciphers: `DEFAULT:${anySecurity}` },
  tls13: { name: 'TLS 1.3', minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: `DEFAULT:${anySecurity}` },
  tls12: {
    name: 'TLS 1.2',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    ciphers: `ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:${anySecurity}`,
  },
  /** A 7.0.3 was seen to use this where the server had nothing else. */
  rsa: {
    name: 'TLS 1.2 with RSA key exchange',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    ciphers: `AES128-SHA256:AES256-SHA256:AES128-GCM-SHA256:AES256-GCM-SHA384:${anySecurity}`,
  },
  old: {
    name: 'TLS 1.0 or 1.1',
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: `DEFAULT:${anySecurity}`,
  },
} as const satisfies Record<string, Offer>

export type OfferName = keyof typeof offers

export interface Handshake {
  /** OpenSSL's name of the suite. Null: the handshake failed. */
  readonly suite: string | null
  readonly certificate: Buffer | undefined
  readonly ms: number
  readonly refused: KmipTransportError | undefined
}

export type Shown = Pick<TlsOptions, 'cert' | 'key'>

/** Makes one handshake and closes the connection. */
export async function shake(
  address: Address,
  offer: Offer,
  shown: Shown,
  timeouts: Timeouts,
  trust: ServerTrust = { by: 'nothing' },
): Promise<Handshake> {
  const { minVersion, maxVersion, ciphers } = offer
  const tls = clientTls({ ...shown, trust, minVersion, maxVersion, ciphers })
  try {
    const connection = await openConnection(address, { tls, timeouts })
    const { cipher: suite, serverCertificate: certificate, connectMs, handshakeMs } = connection
    await connection.close()
    return { suite, certificate, ms: connectMs + handshakeMs, refused: undefined }
  } catch (error) {
    if (!(error instanceof KmipTransportError)) throw error
    return { suite: null, certificate: undefined, ms: 0, refused: error }
  }
}

export interface TlsHandshakeFacts {
  /**
   * By profile name: the agreed suite; null if the server refused; 'unknown' if it refused the client's certificate.
   */
  readonly suites: Readonly<Record<Exclude<OfferName, 'any'>, string | null>>
  /** DER. Undefined if no handshake got that far. */
  readonly certificate: Buffer | undefined
  /** Whether vCenter can complete a handshake. */
  readonly usable: boolean
  /** Every handshake failed because of the client's certificate. */
  readonly isClientRefused: boolean
  /** The times of the successful handshakes, TCP included: one after the other, none resumed. */
  readonly handshakeMs: readonly number[]
}

export async function examineTls(
  address: Address,
  shown: Shown,
  findings: Findings,
  timeouts: Timeouts,
): Promise<TlsHandshakeFacts> {
  const first = await shake(address, offers.any, shown, timeouts)
  if (first.refused && (await isNoTls(address, first.refused, shown, timeouts))) {
    const { what, mend } = await silence(address, first.refused, timeouts)
    findings.fault('tls', what, mend)
    const suites = { tls13: null, tls12: null, rsa: null, old: null }
    return { suites, certificate: undefined, usable: false, isClientRefused: false, handshakeMs: [] }
  }
  const handshakes = new Map<OfferName, Handshake>()
  for (const name of ['tls13', 'tls12', 'rsa', 'old'] as const)
    handshakes.set(name, await shake(address, offers[name], shown, timeouts))
  const suite = (name: OfferName) => suiteOf(handshakes.get(name), shown)
  const suites = { tls13: suite('tls13'), tls12: suite('tls12'), rsa: suite('rsa'), old: suite('old') }
  const all = [first, ...handshakes.values()]
  // If it has several certificates, the one with an RSA key counts.
  const certificate = [handshakes.get('rsa'), ...all].find((shaken) => shaken?.certificate)?.certificate
  const handshakeMs = all.filter((shaken) => shaken.suite !== null).map(({ ms }) => ms)
  if (handshakeMs.length > 0) judgeSuites(suites, findings)
  else refusedAlways(first.refused, shown, findings)
  return {
    suites,
    certificate,
    usable: handshakeMs.length > 0 && (suites.tls12 !== null || suites.rsa !== null),
    isClientRefused:
      handshakeMs.length === 0 && shown.cert !== undefined && Object.values(suites).includes(unseen),
    handshakeMs,
  }
}

const unseen = 'unknown'

/** The signs of a server that agreed on everything and then rejects the client's certificate. */
function suiteOf(shaken: Handshake | undefined, { cert }: Shown): string | null {
  if (!shaken?.refused || cert === undefined) return shaken?.suite ?? null
  const { code = '' } = shaken.refused
  const isOverCertificate = code === 'CLOSED' || code === 'ECONNRESET' || isCertificateAlert(code)
  return isOverCertificate && !code.includes('HANDSHAKE_FAILURE') ? unseen : null
}

function judgeSuites({ tls13, tls12, rsa, old }: TlsHandshakeFacts['suites'], findings: Findings): void {
  const spoken = [
    tls13 !== null && `TLS 1.3 (${tls13})`,
    tls12 !== null && `TLS 1.2 (${tls12})`,
    rsa !== null && `TLS 1.2 with RSA key exchange (${rsa})`,
  ].filter((text) => text !== false)
  if (tls12 === null && rsa === null)
    findings.fault(
      'tls',
      'the server speaks no TLS 1.2, and vCenter up to 8.0 Update 2 nothing newer',
      'Let the server accept TLS 1.2 with ECDHE-RSA-AES256-GCM-SHA384.',
    )
  else findings.good('tls', `speaks ${spoken.join(', ')}`)
  if (tls12 === null && rsa !== null)
    findings.warning(
      'tls',
      'TLS 1.2 only with RSA key exchange: an attacker who records it and gets the key later can read everything',
      'Let the server accept ECDHE suites too.',
    )
  if (tls12 !== null && rsa === null)
    findings.note('tls', 'no suite with RSA key exchange, which only old clients without ECDHE need')
  if (old !== null && old !== unseen)
    findings.warning(
      'tls',
      `the server also speaks TLS 1.0 or 1.1 (${old}), which are broken`,
      'Switch them off unless a client is known to need them.',
    )
}

/** The connection failed before TLS. A server that wants another certificate may also close without a message. */
async function isNoTls(
  address: Address,
  { code, stage }: KmipTransportError,
  shown: Shown,
  timeouts: Timeouts,
): Promise<boolean> {
  if (stage === 'connect' || code === 'TIMEOUT' || notTls.has(code ?? '')) return true
  if (code !== 'CLOSED' && code !== 'ECONNRESET') return false
  if (shown.cert === undefined) return true
  const { refused } = await shake(address, offers.any, {}, timeouts)
  return refused !== undefined && !isCertificateAlert(refused.code)
}

const notTls: ReadonlySet<string> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
])

async function silence(
  address: Address,
  refused: KmipTransportError,
  { handshakeMs }: Timeouts,
): Promise<{ what: string; mend: string }> {
  if (refused.code === 'TIMEOUT')
    return {
      what: `accepts connections and then sends nothing: ${refused.what}`,
      mend:
        'The key server hangs, or a load balancer or port forwarding accepts connections for a server that is gone. Look at what ' +
        'listens there; restart it.',
    }
  if (notTls.has(refused.code ?? ''))
    return {
      what: `the service there does not speak TLS: ${plainText(await serviceAt(address, overTcp(address), handshakeMs))}`,
      mend: 'Correct address and port: KMIP is 5696 as a rule. A proxy in vCenter settings can cause it too.',
    }
  return {
    what: `the handshake breaks off: ${refused.what}`,
    mend:
      'Something on the way (firewall, intrusion prevention, a proxy) or the server itself cuts it. Look at its log for this moment; with ' +
      'Mortise: log.level = "debug". A server that demands a certificate which it knows may do so too.',
  }
}

/** A service without TLS, in words. */
function plainText(service: Service): string {
  if (service.kind === 'http') return 'it is a web server (HTTP)'
  if (service.kind === 'kmip') return 'it answers KMIP in clear'
  if (service.kind === 'other') return `it answers ${beginningText(service.begins)}`
  return 'it sends something else, and answers neither KMIP nor HTTP'
}

function refusedAlways(refused: KmipTransportError | undefined, { cert }: Shown, findings: Findings): void {
  const what = refused?.what ?? 'no handshake came about'
  if (isCertificateAlert(refused?.code) && cert === undefined)
    findings.note(
      'tls',
      `${what}: nothing more can be seen without one`,
      "Give vCenter's client certificate: --cert and --key.",
    )
  else if (isCertificateAlert(refused?.code) || refused?.code === 'CLOSED' || refused?.code === 'ECONNRESET')
    findings.fault('client', `refused in the handshake: ${what}`, clientRefusedMend)
  else
    findings.fault(
      'tls',
      what,
      'Let the server accept TLS 1.2 with ECDHE-RSA-AES256-GCM-SHA384 and a certificate with an RSA key.',
    )
}

/** The server checked the client's certificate and rejected it. */
function isCertificateAlert(code: string | undefined): boolean {
  return (
    code !== undefined &&
    /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE|UNSUPPORTED_CERT|ACCESS_DENIED|HANDSHAKE_FAILURE)/.test(
      code,
    )
  )
}

export const clientRefusedMend =
  'Make the certificate known to the key server: in vCenter Key Providers > the server > Establish Trust > Make KMS trust vCenter, and register ' +
  'there what vCenter gives you.'
