// The state of the server on one page. A token of one instance sees that instance, and what concerns it of the
// server.

import type { TrustSnapshot } from '../../trust/access.ts'
import type { Instance } from '../../trust/rows.ts'
import type { AdminContext, Handlers, NodeShown } from '../context.ts'
import { gatherFacts } from '../conditions/facts.ts'
import { conditionsOf, type Condition } from '../conditions/table.ts'
import type { Expiry } from '../shown/expiries.ts'
import { shownLimits, shownRecoverable } from '../shown/instance-usage.ts'
import { isoTime } from '../shown/shown.ts'
import { shownUpstream } from '../shown/shown-upstream.ts'
import { shownBackupStatus } from './backups.ts'

const expiriesShown = 10

export const statusHandlers: Handlers<'status'> = {
  status: async (context, { asker }) => {
    const mine = (instanceId: string | null) =>
      instanceId === null ? asker.instanceId === null : asker.sees(instanceId)
    const [snapshot, facts] = [await context.access.snapshot(), await gatherFacts(context)]
    const { readiness, expiries } = facts
    const instances = [...snapshot.tables.instance.values()].filter(({ id }) => mine(id))
    return {
      version: context.about.version,
      started: isoTime(context.about.startedMs),
      ready: readiness.ready,
      reason: readiness.reason,
      fips: context.about.fips,
      kmip: context.about.kmip,
      kmipHttps: context.about.kmipHttps,
      instances: await Promise.all(
        instances.map(async (instance) => ({
          ...(await counted(context, snapshot, instance)),
          recoverable: await shownRecoverable(context, instance),
          limits: await shownLimits(context, instance),
          upstream: await shownUpstream(context, instance),
          rootKey: readiness.degraded.get(instance.id) ?? ('ok' as const),
          rootKeyReason: readiness.reasons.get(instance.id) ?? null,
        })),
      ),
      pending: asker.instanceId === null ? context.pending.list().length : null,
      traffic: asker.instanceId === null ? await context.traffic() : null,
      expiries: expiries
        .filter(({ instanceId }) => instanceId === null || mine(instanceId))
        .slice(0, expiriesShown)
        .map((expiry) => shownExpiry(expiry, snapshot)),
      nodes: asker.instanceId === null ? (await context.leases.nodes()).map(shownNode) : null,
      backups: asker.instanceId === null ? shownBackupStatus(facts.backups) : null,
      conditions: conditionsOf(facts)
        .filter(({ instanceId }) => mine(instanceId))
        .map((condition) => shownCondition(condition, snapshot)),
    }
  },
}

function shownNode({ startedMs, agoMs, work, ...node }: NodeShown) {
  return { ...node, started: isoTime(startedMs), secondsAgo: Math.round(agoMs / 1000), work: [...work] }
}

function shownCondition({ id, severity, instanceId, message, action }: Condition, { tables }: TrustSnapshot) {
  const instance = instanceId === null ? undefined : tables.instance.get(instanceId)
  return { id, severity, instance: instance?.name ?? instanceId, message, action }
}

async function counted({ clock, store }: AdminContext, { tables }: TrustSnapshot, { id, name }: Instance) {
  const clients = [...tables.client.values()].filter(({ instanceId }) => instanceId === id).length
  return { id, name, clients, objects: { ...(await store.objectCounts(id, clock.now())) } }
}

function shownExpiry(
  { kind, name, instanceId, sha256, notAfterMs, daysLeft }: Expiry,
  { tables }: TrustSnapshot,
) {
  const instance = instanceId === null ? undefined : tables.instance.get(instanceId)
  return {
    kind,
    name,
    instance: instance ? { id: instance.id, name: instance.name } : null,
    sha256,
    notAfter: isoTime(notAfterMs),
    daysLeft,
  }
}
