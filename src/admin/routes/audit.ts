// The audit log: read, verify, export, prune.

import type { AuditEntry, StoredAuditEntry } from '../../ports/audit.ts'
import type { AdminContext, Asked, Handlers } from '../context.ts'
import { Refusal } from '../errors.ts'
import { isoTime, isoTimeOrNull } from '../shown.ts'

export const auditHandlers: Handlers<
  'listAudit' | 'listInstanceAudit' | 'verifyAudit' | 'exportAudit' | 'pruneAudit'
> = {
  listAudit: async (context, { query }) => page(context, query, null),

  listInstanceAudit: async (context, { query, instance }) => page(context, query, instance.id),

  verifyAudit: async ({ audit }) => {
    const { provedFromMs, provedToMs, ...proof } = await audit.verify()
    return {
      ...proof,
      problems: [...proof.problems],
      restores: [...proof.restores],
      provedFrom: isoTimeOrNull(provedFromMs),
      provedTo: isoTimeOrNull(provedToMs),
    }
  },

  exportAudit: async ({ audit }) => audit.export(),

  pruneAudit: async ({ audit, clock }, { asker, body }) => {
    const beforeMs = Date.parse(body.before)
    if (beforeMs > clock.now())
      throw new Refusal('bad-request', 'the date lies in the future', 'Entries are pruned up to now at most.')
    const answer = { before: isoTime(beforeMs) }
    await audit.prune(asker.by, beforeMs)
    return answer
  },
}

async function page({ audit }: AdminContext, query: Asked<'listAudit'>['query'], instanceId: string | null) {
  const { action, object, certificate, since, until, after, limit } = query
  const found = await audit.list({
    instanceId,
    order: 'newest',
    limit,
    ...(action !== undefined && { action }),
    ...(object !== undefined && { object }),
    ...(certificate !== undefined && { certificateSha256: certificate }),
    ...(since !== undefined && { sinceMs: Date.parse(since) }),
    ...(until !== undefined && { untilMs: Date.parse(until) }),
    ...(after !== undefined && { after }),
  })
  return { entries: found.entries.map(shownEntry), after: found.after }
}

function shownEntry({ writer, number, hash, body }: StoredAuditEntry) {
  const { atMs, actor, detail, ...entry } = JSON.parse(body) as AuditEntry
  return {
    ...entry,
    writer,
    number,
    hash,
    at: isoTime(atMs),
    actor: { ...actor },
    detail: detail && { ...detail },
  }
}
