// Untrusted certificates: the pending ones, which connected and wait for a decision, and the blocked ones.

import type { Block } from '../../core/trust/rows.ts'
import { certificatePem } from '../../core/pki/certificate.ts'
import type { Needs } from './needs.ts'
import type { SomeHandlers } from '../../doors/http/feature.ts'
import type { clientRoutes } from './routes.ts'
import { isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'

export const pendingHandlers = {
  listPending: async ({ pending }) => {
    await pending.follow()
    return pending.list().map(({ sha256, says, address, firstMs, lastMs, attempts, certificate }) => ({
      sha256,
      subject: says?.subject ?? null,
      issuer: says?.issuer ?? null,
      notAfter: isoTimeOrNull(says?.notAfterMs ?? null),
      address,
      first: isoTime(firstMs),
      last: isoTime(lastMs),
      attempts,
      certificate: certificatePem(certificate),
    }))
  },

  blockCertificate: async ({ trust, pending }, { asker, body }) => {
    const block = await trust.clients.block(asker.by, body.sha256, body.reason, null)
    pending.remove(block.id)
    return shownBlock(block)
  },

  listBlocks: async ({ access }) => [...(await access.snapshot()).tables.block.values()].map(shownBlock),

  unblockCertificate: async ({ trust }, { asker, params }) =>
    shownBlock(await trust.clients.unblock(asker.by, plainSha256(params.certificate))),
} satisfies SomeHandlers<typeof clientRoutes, Needs>

function shownBlock({ id, reason, createdMs }: Block) {
  return { sha256: id, reason, created: isoTime(createdMs) }
}

/** Accepts colons and capitals, as bodies do. */
function plainSha256(text: string): string {
  return text.replaceAll(':', '').toLowerCase()
}
