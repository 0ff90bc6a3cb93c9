// The state of the server on one page. A token of one instance sees that instance, and what concerns it of the
// server.

import { namesShownMax } from '../../base/bounds.ts'
import { allowOf, allowsEverything } from '../../core/trust/allow.ts'
import type { Instance, TrustSnapshot } from '../../core/trust/rows.ts'
import type { SomeHandlers } from '../../doors/http/feature.ts'
import type { Output } from '../../doors/http/route.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import type { ServingNode } from '../../core/server/leases.ts'
import type { ReadinessFacts } from '../../core/server/readiness-facts.ts'
import type { Condition } from '../../core/conditions/conditions.ts'
import { accessConditions, type AccessFacts } from './conditions/access.ts'
import type { Needs } from './needs.ts'
import type { statusRoutes } from './routes.ts'
import type { Expiry } from './expiries.ts'
import { shownLimits, shownRecoverable } from '../../doors/http/views/instance-usage.ts'
import { byName, isoTime } from '../../doors/http/views/shown.ts'

const expiriesShown = 10

export const statusHandlers = {
  status: async (context, { asker }) => {
    const mine = (instanceId: string | null) =>
      instanceId === null ? asker.instanceId === null : asker.sees(instanceId)
    const [snapshot, gathered] = [await context.access.snapshot(), await context.conditions.gather()]
    const { readiness } = gathered.common
    const { expiries, pendingClients } = gathered.of<AccessFacts>(accessConditions)
    const instances = await Promise.all(
      [...snapshot.tables.instance.values()]
        .filter(({ id }) => mine(id))
        .map((instance) => shownInstance(context, asker, snapshot, readiness, instance)),
    )
    return {
      version: context.about.version,
      started: isoTime(context.about.startedMs),
      ready: readiness.ready,
      servesKeys: readiness.ready && keysAreServed(instances),
      reason: readiness.reason,
      fips: context.about.fips,
      kmip: context.about.kmip,
      kmipHttps: context.about.kmipHttps,
      instances,
      pending: asker.instanceId === null ? pendingClients : null,
      traffic: asker.instanceId === null ? await context.traffic() : null,
      mayAll: shownMayAll(snapshot, mine),
      expiries: expiries
        .filter(({ instanceId }) => instanceId === null || mine(instanceId))
        .slice(0, expiriesShown)
        .map((expiry) => shownExpiry(expiry, snapshot)),
      nodes: asker.instanceId === null ? (await context.leases.nodes()).map(shownNode) : null,
      backups: asker.instanceId === null ? context.plugs.backupStatus(gathered) : null,
      conditions: gathered.conditions
        .filter(({ instanceId }) => mine(instanceId))
        .map((condition) => shownCondition(condition, snapshot)),
    }
  },
} satisfies SomeHandlers<typeof statusRoutes, Needs>

async function shownInstance(
  context: Needs,
  asker: ApiRequester,
  snapshot: TrustSnapshot,
  { degraded, unknown, fromMemory, reasons }: ReadinessFacts,
  instance: Instance,
) {
  const { id } = instance
  return {
    ...(await counted(context, snapshot, instance)),
    recoverable: await shownRecoverable(context, instance),
    limits: await shownLimits(context, instance),
    upstream: await context.plugs.upstreamOf(asker, instance),
    rootKey: degraded.get(id) ?? (unknown.has(id) ? ('unknown' as const) : ('ok' as const)),
    rootKeyReason: reasons.get(id) ?? null,
    served: !degraded.has(id) || fromMemory.has(id),
  }
}

/** An empty instance whose root key answers does not make up for one with keys that are not served. */
function keysAreServed(
  instances: readonly Pick<
    Output<(typeof statusRoutes)['status']>['instances'][number],
    'served' | 'objects'
  >[],
): boolean {
  const holding = instances.filter(({ objects }) =>
    Object.entries(objects).some(([state, count]) => count > 0 && !state.startsWith('Destroyed')),
  )
  const checkedInstances = holding.length > 0 ? holding : instances
  return checkedInstances.length === 0 || checkedInstances.some(({ served }) => served)
}

/** The clients that may request every operation. */
function shownMayAll({ tables }: TrustSnapshot, sees: (instanceId: string) => boolean) {
  const clients = [...tables.client.values()].filter(
    (client) => sees(client.instanceId) && allowsEverything(allowOf(client)),
  )
  const shown = clients
    .toSorted(byName)
    .slice(0, namesShownMax)
    .map(({ name, instanceId }) => ({
      name,
      instance: tables.instance.get(instanceId)?.name ?? instanceId,
    }))
  return { count: clients.length, clients: shown }
}

function shownNode({ startedMs, agoMs, work, ...node }: ServingNode) {
  return { ...node, started: isoTime(startedMs), secondsAgo: Math.round(agoMs / 1000), work: [...work] }
}

function shownCondition({ id, severity, instanceId, message, action }: Condition, { tables }: TrustSnapshot) {
  const instance = instanceId === null ? undefined : tables.instance.get(instanceId)
  return { id, severity, instance: instance?.name ?? instanceId, message, action }
}

async function counted({ clock, store }: Needs, { tables }: TrustSnapshot, { id, name }: Instance) {
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
