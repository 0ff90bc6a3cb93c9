// Inventories: imported in parts, shown, reported, removed. The report looks at every key and every row, a step at a time.

import { isOld } from '../../base/text/inventory-age.ts'
import { inventoryBatchRowsMax } from './bounds.ts'
import type { Importer, Inventories, InventorySummary } from './inventories.ts'
import type { InventoryRecord, InventoryRow } from '../../core/ports/inventory.ts'
import type { InventoryService } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import { inventoryRoutes } from './routes.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { Refusal } from '../../base/refusal.ts'
import type { ReportLine } from './routes.ts'
import { keyPages } from '../../core/keys/key-pages.ts'
import { firstName } from '../../core/keys/object/object-names.ts'
import { isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'
import { shownUse } from '../../doors/http/views/used-by.ts'

export const inventoryHandlers = {
  showInventory: async ({ inventories, clock }, { instance }) =>
    shownSummary(await inventories.summary(instance.id), clock.now()),

  reportInventory: async (context, { instance, body }) => {
    const named = body.providers && new Set(body.providers)
    const summary = await context.inventories.summary(instance.id, named)
    if (summary) return linesOf(context, instance.id, summary)
    throw new Refusal(
      'not-found',
      `no inventory was imported into the instance ${instance.name}`,
      'Import one: mortise inventory import FILE (docs/inventory.md says how to write the file)',
    )
  },

  beginInventoryImport: async ({ inventories }, { asker, instance, body }) => {
    const { vcenter, taken } = body
    const takenMs = Date.parse(taken)
    const { id } = await inventories.begin(importer(asker, instance.id), instance.id, { vcenter, takenMs })
    return { id }
  },

  addInventoryRows: async ({ inventories }, { instance, params, body }) => {
    return { rows: await inventories.add(instance.id, params.import, body.machines) }
  },

  finishInventoryImport: async ({ inventories, clock }, { asker, instance, params }) => {
    const by = importer(asker, instance.id)
    return shownInventory(await inventories.finish(by, instance.id, params.import), clock.now())
  },

  cancelInventoryImport: async ({ inventories }, { asker, instance, params }) => {
    await inventories.cancel(importer(asker, instance.id), instance.id, params.import)
    return { id: params.import }
  },

  removeInventory: async ({ inventories, clock }, { asker, instance, query }) => {
    const by = importer(asker, instance.id)
    return shownInventory(await inventories.remove(by, instance.id, query.vcenter), clock.now())
  },
} satisfies Handlers<typeof inventoryRoutes, InventoryService>

/**
 * Imports the rows that another feature reads, in parts, of which nothing counts before the last. Forgets the import if a row or the reading
 * fails. Throws Refusal, and what `rows` throws.
 */
export async function importRows(
  inventories: Inventories,
  asker: Pick<ApiRequester, 'actor' | 'requestId' | 'identify'>,
  { instanceId, ...fields }: Pick<InventoryRecord, 'instanceId' | 'vcenter' | 'takenMs'>,
  rows: AsyncIterable<InventoryRow> | Iterable<InventoryRow>,
): Promise<InventoryRecord> {
  const by = importer(asker, instanceId)
  const { id } = await inventories.begin(by, instanceId, fields)
  const add = async (part: readonly InventoryRow[]) => {
    if (part.length > 0) await inventories.add(instanceId, id, checkedRows(part))
  }
  try {
    let part: InventoryRow[] = []
    for await (const row of rows) {
      part.push(row)
      if (part.length < inventoryBatchRowsMax) continue
      await add(part)
      part = []
    }
    await add(part)
    return await inventories.finish(by, instanceId, id)
  } catch (error) {
    await inventories.cancel(by, instanceId, id).catch(() => undefined)
    throw error
  }
}

/** The rows, once they are as those of a request have to be. Throws Refusal. */
function checkedRows(machines: readonly InventoryRow[]): readonly InventoryRow[] {
  const checked = inventoryRoutes.addInventoryRows.body.safeParse({ machines })
  if (checked.success) return checked.data.machines
  const [issue] = checked.error.issues
  throw new Refusal(
    'refused',
    `a machine or key cannot be in an inventory: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  )
}

function importer(
  { actor, requestId, identify }: Pick<ApiRequester, 'actor' | 'requestId' | 'identify'>,
  instanceId: string,
): Importer {
  return { actor, requestId, identify: () => identify(instanceId) }
}

function shownInventory({ id, vcenter, takenMs, importedMs, rows }: InventoryRecord, nowMs: number) {
  const old = isOld(takenMs, nowMs)
  return { id, vcenter, taken: isoTime(takenMs), imported: isoTime(importedMs), rows, old }
}

function shownSummary(summary: InventorySummary | null, nowMs: number) {
  if (!summary)
    return {
      inventories: [],
      machines: 0,
      usedBy: null,
      missing: 0,
      destroyed: 0,
      elsewhere: 0,
      providers: [],
    }
  const { inventories, use, providers, ...counts } = summary
  return {
    ...counts,
    inventories: inventories.map((one) => shownInventory(one, nowMs)),
    usedBy: shownUse(use, nowMs),
    providers: [...providers],
  }
}

function line(one: ReportLine): string {
  return JSON.stringify(one)
}

async function* linesOf(
  context: InventoryService,
  instanceId: string,
  summary: InventorySummary,
): AsyncGenerator<string> {
  yield line({ type: 'summary', summary: shownSummary(summary, context.clock.now()) })
  for await (const machine of context.inventories.findings(summary))
    yield line({ type: 'machine', ...machine })
  for await (const unused of unusedKeys(context, instanceId)) yield line(unused)
  yield line({ type: 'end' })
}

/** Keys that are not destroyed and that no machine uses. */
async function* unusedKeys(
  { keys, inventories }: InventoryService,
  instanceId: string,
): AsyncGenerator<Extract<ReportLine, { type: 'key' }>> {
  for await (const read of keyPages(keys, { instanceId, includeDestroyed: false })) {
    const uses = await inventories.uses(
      instanceId,
      read.map(({ uniqueIdentifier }) => uniqueIdentifier),
    )
    for (const [at, { uniqueIdentifier, state, attributes, createdMs, lastFetchedMs }] of read.entries())
      if ((uses?.[at]?.machines ?? 0) === 0)
        yield {
          type: 'key',
          finding: 'unused',
          key: uniqueIdentifier,
          name: firstName({ attributes }),
          state,
          created: isoTime(createdMs),
          lastFetched: isoTimeOrNull(lastFetchedMs),
        }
  }
}
