// Lists what an instance would refuse if its restrictions went one way: a manager reads it before setting that.

import { pause, type Turns } from '../../base/parts.ts'
import type { AuditEntry } from '../../core/ports/audit.ts'
import type { ListedKey } from '../../core/keys/keys.ts'
import { isDestroyed } from '../../core/keys/object/lifecycle.ts'
import { isKept, isSensitive, isWrappingKey } from '../../core/keys/object/restrictions.ts'
import { listScannedMax, listStepObjects } from '../../base/bounds.ts'
import { allowOf, allows } from '../../core/trust/allow.ts'
import type { Client, Instance } from '../../core/trust/rows.ts'
import type { Needs } from './needs.ts'
import type { SomeHandlers } from '../../doors/http/feature.ts'
import type { keyRoutes } from './routes.ts'
import { shownKey } from '../../doors/http/views/shown-key.ts'
import { pageStart } from './handlers.ts'

/** Audit entries of one key, and clients, that a list shows of what restrictions that go one way would refuse. */
const oneWayFetchesReadMax = 100
const oneWayClientsMax = 200

export const oneWayHandlers = {
  showOneWay: async (context, { instance, query, pace: turns }) => {
    const before = query.after === undefined ? undefined : pageStart(query.after)
    const { views, after } = await sensitiveKeys(context, instance, { limit: query.limit, before, turns })
    const keys = []
    for (const view of views) {
      await pause(turns)
      keys.push({ ...shownKey(view), fetchedBy: await fetchersOf(context, instance.id, view) })
    }
    const clients = before === undefined ? await looseners(context, instance.id) : []
    return {
      keys,
      clients: clients.slice(0, oneWayClientsMax),
      moreClients: Math.max(0, clients.length - oneWayClientsMax),
      after: after === undefined ? null : String(after),
    }
  },
} satisfies SomeHandlers<typeof keyRoutes, Needs>

/** Sensitive keys that leave wrapped by any key now, newest first. It reads a bounded number of objects. */
async function sensitiveKeys(
  { keys }: Needs,
  instance: Instance,
  {
    limit,
    before,
    turns,
  }: { readonly limit: number; readonly before: number | undefined; readonly turns: Turns },
): Promise<{ readonly views: readonly ListedKey[]; readonly after?: number }> {
  const views: ListedKey[] = []
  let place = before
  for (let read = 0; read < listScannedMax; read += listStepObjects) {
    const page = await keys.list({
      instanceId: instance.id,
      limit: listStepObjects,
      includeDestroyed: false,
      ...(place !== undefined && { beforeSequence: place }),
    })
    for (const view of page) {
      place = view.sequence
      if (!leavesWrapped(view, instance)) continue
      views.push(view)
      if (views.length === limit) return { views, after: place }
    }
    if (page.length < listStepObjects) return { views }
    await pause(turns)
  }
  return { views, ...(place !== undefined && { after: place }) }
}

function leavesWrapped({ uniqueIdentifier, state, attributes }: ListedKey, instance: Instance): boolean {
  if (isDestroyed(state) || isWrappingKey(instance, uniqueIdentifier)) return false
  return isSensitive(attributes) && !isKept(attributes)
}

/** The names of the clients that fetched the key, as far as the newest entries of the audit log tell. */
async function fetchersOf(
  { audit }: Needs,
  instanceId: string,
  { uniqueIdentifier: object, lastFetchedMs }: ListedKey,
): Promise<string[]> {
  if (lastFetchedMs === null) return []
  const { entries } = await audit.list({
    instanceId,
    object,
    action: 'key.get',
    result: 'success',
    order: 'newest',
    limit: oneWayFetchesReadMax,
  })
  const names = entries.map(({ body }) => {
    const { actor } = JSON.parse(body) as AuditEntry
    return actor.name ?? actor.id ?? actor.kind
  })
  return [...new Set(names)]
}

/** The requests by which a client loosens Sensitive or Extractable. */
const loosening = ['ModifyAttribute', 'SetAttribute', 'AdjustAttribute', 'Import']

async function looseners({ access }: Needs, instanceId: string) {
  const { tables } = await access.snapshot()
  const clients = [...tables.client.values()].filter((client) => client.instanceId === instanceId)
  return clients
    .map((client) => ({ id: client.id, name: client.name, operations: looseningOf(client) }))
    .filter(({ operations }) => operations.length > 0)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function looseningOf(client: Client): string[] {
  return loosening.filter((operation) => allows(allowOf(client), operation))
}
