// Certificates that people or vCenter name as a client's, and that cannot be: those of this server and of CAs.

import { AsnConvert } from '@peculiar/asn1-schema'
import { Certificate as X509, id_ce_keyUsage, KeyUsage, KeyUsageFlags } from '@peculiar/asn1-x509'
import { Refusal } from '../../base/refusal.ts'
import type { Certificate } from './certificate.ts'
import { sameAuthority } from './match.ts'

/** People who saved both certificates take one for the other. A server's own would never connect, and nothing would say why. */
export function requireNotOwn(
  { sha256 }: Pick<Certificate, 'sha256'>,
  own: readonly (Pick<Certificate, 'sha256'> | undefined)[],
): void {
  if (!own.some((one) => one?.sha256 === sha256)) return
  throw new Refusal(
    'bad-request',
    'this is a certificate of this server, and not that of a client',
    "Take vCenter's own: Establish Trust, Make KMS trust vCenter, vCenter Certificate.",
  )
}

/** A client may have signed its own certificate, and some that do so call themselves a CA. */
export function requireNoAuthority({ isCa, subject, issuer, der }: Certificate): void {
  if (!isCa || (subject === issuer && !signsCertificatesOnly(der))) return
  throw new Refusal(
    'bad-request',
    `this is the certificate of a CA (${subject}), not of a client`,
    'To trust clients whose certificates it signs, trust it as a CA with a subject pattern (--ca).',
  )
}

/** `own`: the CA of this server. */
export function requireForeignAuthority(
  { isCa, subject, der }: Certificate,
  own: Pick<Certificate, 'der'>,
): void {
  if (!isCa)
    throw new Refusal(
      'bad-request',
      `this is not the certificate of a CA: ${subject} may not sign others`,
      'To trust this certificate itself, trust it as a certificate (--cert).',
    )
  if (sameAuthority(der, own.der))
    throw new Refusal(
      'bad-request',
      'this is the CA of this server, which signs for every instance: being signed by it gives no trust',
      'Trust the certificates that it signed one by one: mortise client issue and mortise client sign do.',
    )
}

/**
 * True for a certificate that may only sign certificates, such as that of a CA, which no client presents. False for a certificate
 * without key usage (RFC 5280 §4.2.1.3), as many tools make self-signed ones, and for bytes that are not a certificate.
 */
export function signsCertificatesOnly(der: Uint8Array): boolean {
  try {
    const { extensions = [] } = AsnConvert.parse(der, X509).tbsCertificate
    const extension = extensions.find(({ extnID }) => extnID === id_ce_keyUsage)
    if (!extension) return false
    const flags = AsnConvert.parse(extension.extnValue.buffer, KeyUsage).toNumber()
    return (flags & KeyUsageFlags.keyCertSign) !== 0 && (flags & KeyUsageFlags.digitalSignature) === 0
  } catch {
    return false
  }
}
