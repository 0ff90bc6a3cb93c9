// Certificates that are not trusted: those that knocked, and those that are refused for good.

import { parseCertificate } from '../../pki/certificate.ts'
import type { Handlers } from '../context.ts'
import { isoTime } from '../shown.ts'

export const pendingHandlers: Handlers<'listPending' | 'blockCertificate'> = {
  listPending: async ({ pending }) =>
    pending.list().map((client) => {
      const certificate = parseCertificate(client.certificate)
      return {
        sha256: client.sha256,
        subject: certificate.subject,
        notAfter: isoTime(certificate.notAfterMs),
        address: client.address,
        first: isoTime(client.firstMs),
        last: isoTime(client.lastMs),
        knocks: client.knocks,
        certificate: certificate.pem,
      }
    }),

  blockCertificate: async ({ trust, pending }, { asker, body }) => {
    const { id, reason, createdMs } = await trust.clients.block(asker.by, body.sha256, body.reason, null)
    pending.remove(id)
    return { sha256: id, reason, created: isoTime(createdMs) }
  },
}
