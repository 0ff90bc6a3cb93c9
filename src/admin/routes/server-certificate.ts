// The certificate of the KMIP door, which vCenter shows and pins.

import { X509Certificate } from 'node:crypto'
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
      names: subjectAltName.split(', ').map((name) => name.replace(/^(DNS|IP Address):/, '')),
      notBefore: isoTime(certificate.notBeforeMs),
      notAfter: isoTime(certificate.notAfterMs),
      certificate: certificate.pem,
      authority: authority.certificate.pem,
    }
  },
}
