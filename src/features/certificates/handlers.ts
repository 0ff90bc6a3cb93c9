// The certificate of the KMIP listener, which vCenter pins, and the one staged to follow it.

import type { Certificate } from '../../core/pki/certificate.ts'
import { namesIn, thumbprint } from '../../core/pki/server-chain.ts'
import type { Needs } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { certificateRoutes } from './routes.ts'
import { Refusal } from '../../base/refusal.ts'
import { isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'

export const serverCertificateHandlers = {
  showServerCertificate: async (context) => {
    await context.serverCertificates.look()
    return shown(context)
  },

  requestServerCertificate: async (context, { asker, body }) => {
    await context.serverCertificates.request(asker.by, body)
    return shown(context)
  },

  importServerCertificate: async (context, { asker, body }) => {
    const { certificate, at, now } = body
    await context.serverCertificates.import(asker.by, { certificate, ...when(at, now) })
    return shown(context)
  },

  renewServerCertificate: async (context, { asker, body }) => {
    const { names, days, at, now } = body
    await context.serverCertificates.renew(asker.by, { names, days, ...when(at, now) })
    return shown(context)
  },

  activateServerCertificate: async (context, { asker, body }) => {
    const { which, at, sha256 } = body
    if (which === 'previous' && at !== undefined)
      throw new Refusal('bad-request', 'only the staged certificate can be switched to at a time')
    const atMs = typeof at === 'string' ? Date.parse(at) : at
    await context.serverCertificates.activate(asker.by, { which, atMs, sha256 })
    return shown(context)
  },

  discardServerCertificate: async (context, { asker, query }) => {
    await context.serverCertificates.discard(asker.by, query)
    return shown(context)
  },
} satisfies Handlers<typeof certificateRoutes, Needs>

function when(at: string | undefined, now: boolean): { atMs?: number; now: boolean } {
  if (at !== undefined && now) throw new Refusal('bad-request', 'give a time or now, not both')
  return { now, ...(at !== undefined && { atMs: Date.parse(at) }) }
}

function shown({ serverCertificates, authority }: Needs) {
  const { active, staged, previous, request } = serverCertificates.view()
  return {
    ...shownPair(active),
    authority: authority.certificate.pem,
    staged: staged && {
      ...shownPair(staged),
      origin: staged.origin,
      created: isoTime(staged.stagedMs),
      at: isoTimeOrNull(staged.atMs),
      warnings: [...staged.warnings],
    },
    previous: previous && shownPair(previous),
    request: request && {
      request: request.pem,
      names: [...request.names],
      created: isoTime(request.createdMs),
    },
  }
}

function shownPair({ certificate, chain }: { readonly certificate: Certificate; readonly chain: string }) {
  return {
    sha256: certificate.sha256,
    sha1: thumbprint(certificate.der),
    subject: certificate.subject,
    issuer: certificate.issuer,
    names: [...namesIn(certificate.der)],
    key: certificate.publicKey,
    notBefore: isoTime(certificate.notBeforeMs),
    notAfter: isoTime(certificate.notAfterMs),
    certificate: chain,
  }
}
