// Tells by its key usage whether a certificate is only for signing other certificates (RFC 5280 §4.2.1.3).

import { AsnConvert } from '@peculiar/asn1-schema'
import { Certificate, id_ce_keyUsage, KeyUsage, KeyUsageFlags } from '@peculiar/asn1-x509'

/**
 * True for a certificate that may only sign certificates, such as that of a CA, which no client presents. False for a certificate
 * without key usage, as many tools make self-signed ones, and for bytes that are not a certificate.
 */
export function signsCertificatesOnly(der: Uint8Array): boolean {
  try {
    const { extensions = [] } = AsnConvert.parse(der, Certificate).tbsCertificate
    const extension = extensions.find(({ extnID }) => extnID === id_ce_keyUsage)
    if (!extension) return false
    const flags = AsnConvert.parse(extension.extnValue.buffer, KeyUsage).toNumber()
    return (flags & KeyUsageFlags.keyCertSign) !== 0 && (flags & KeyUsageFlags.digitalSignature) === 0
  } catch {
    return false
  }
}
