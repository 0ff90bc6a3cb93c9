// The audit log: read, verify, export, prune.

import { pause, type Turns } from '../../base/parts.ts'
import type { AuditEntry, StoredAuditEntry } from '../../core/ports/audit.ts'
import type { Needs } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { auditRoutes } from './routes.ts'
import type { RouteRequest } from '../../doors/http/route-request.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { auditKeepDaysMin } from '../../base/bounds.ts'
import { Refusal } from '../../base/refusal.ts'
import { objectsNamed } from '../../core/keys/named-objects.ts'
import { present } from '../../doors/http/views/present.ts'
import { isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'
import { mayGoBeforeMs } from '../../core/audit/retention.ts'

const dayMs = 24 * 3600_000

export const auditHandlers = {
  listAudit: async (context, request) => page(context, request, null),

  listInstanceAudit: async (context, request) => page(context, request, request.instance.id),

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

  exportAudit: async (context, { asker, query }) =>
    query.for === 'keep' ? exported(context, asker) : context.audit.export(),

  pruneAudit: async (context, { asker, body }) => {
    const { audit, store } = context
    const beforeMs = await requirePrunable(context, body)
    const before = isoTime(beforeMs)
    const removed = await audit.prune(asker.by, beforeMs)
    const { oldestMs } = await store.auditTimes()
    return { before, removed, begins: isoTimeOrNull(oldestMs) }
  },
} satisfies Handlers<typeof auditRoutes, Needs>

/** The time before which entries go. Throws Refusal if they must stay. */
export async function requirePrunable(
  { clock, plugs }: Needs,
  body: RouteRequest<(typeof auditRoutes)['pruneAudit']>['body'],
): Promise<number> {
  const beforeMs = Date.parse(body.before)
  if (beforeMs > clock.now())
    throw new Refusal('bad-request', 'the date lies in the future', 'Entries are pruned up to now at most.')
  const keptMs = auditKeepDaysMin * dayMs
  if (!body.younger && beforeMs > clock.now() - keptMs)
    throw new Refusal(
      'bad-request',
      `the date is less than ${auditKeepDaysMin} days ago: what happened since then should stay`,
      'If you mean it: --younger.',
    )
  const targets = await plugs.auditKeepers.facts()
  if (mayGoBeforeMs(beforeMs, targets) < beforeMs)
    throw new Refusal(
      'refused',
      `${targets.map(({ target }) => target).join(' and ')} may lack entries of that time`,
      'Wait until the SIEM has them (mortise siem status), or take it out of the configuration.',
    )
  return beforeMs
}

/** Records the export once it was read to its end. */
async function* exported({ audit, notes, clock }: Needs, { actor, requestId }: ApiRequester) {
  yield* audit.export()
  const atMs = clock.now()
  const about = { result: 'success', instanceId: null, object: null, reason: null, detail: null } as const
  const entry = { atMs, action: 'audit.export', actor, requestId, ...about } as const
  await notes.write('audit-export', { atMs, by: actor.name ?? 'unknown' }, [entry])
}

async function page(
  context: Needs,
  { query, pace: turns }: Pick<RouteRequest<(typeof auditRoutes)['listAudit']>, 'query' | 'pace'>,
  instanceId: string | null,
) {
  const { certificate, since, until, objectName, ...rest } = query
  const parts = { ...context, keyUses: context.plugs.keyUses, turns }
  const objects = objectName === undefined ? undefined : await objectsNamed(parts, objectName, instanceId)
  const [only, ...more] = objects ?? []
  if (objects && only === undefined) return { entries: [], after: null }
  const listed = await context.audit.list({
    instanceId,
    order: 'newest',
    ...present(rest),
    limit: query.limit,
    ...(certificate !== undefined && { certificateSha256: certificate }),
    // One object is found by index.
    ...(only !== undefined && (more.length === 0 ? { object: only } : { objects: [only, ...more] })),
    ...(since !== undefined && { sinceMs: Date.parse(since) }),
    ...(until !== undefined && { untilMs: Date.parse(until) }),
  })
  return { entries: await shownEntries(listed.entries, turns), after: listed.after }
}

async function shownEntries(entries: readonly StoredAuditEntry[], turns: Turns) {
  const shown: ReturnType<typeof shownEntry>[] = []
  for (const entry of entries) {
    await pause(turns)
    shown.push(shownEntry(entry))
  }
  return shown
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
