// The certificate of the KMIP door, which vCenter shows and pins.

import { X509Certificate } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { Handlers } from '../context.ts'
import { isoTime } from '../shown.ts'

export const serverCertificateHandlers: Handlers<'showServerCertificate'> = {
  showServerCertificate: async ({ serverCertificate, authority }) => {
    const certificate = serverCertificate()
    const { fingerprint, subjectAltName = '' } = new X509Certificate(certificate.der)
    return {
      sha256: certificate.sha256,
      sha1: fingerprint.replaceAll(':', '').toLowerCase(),
      subject: certificate.subject,
      issuer: certificate.issuer,
      names: subjectAltName.split(', ').map(shownName),
      notBefore: isoTime(certificate.notBeforeMs),
      notAfter: isoTime(certificate.notAfterMs),
      certificate: certificate.pem,
      authority: authority.certificate.pem,
    }
  },
}

/** `DNS:name` or `IP Address:...` without the kind, IPv6 in its short form. */
function shownName(entry: string): string {
  const name = entry.replace(/^(DNS|IP Address):/, '')
  return isIPv6(name) ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name
}
