// Inventories through the admin API: imported in parts, in one step in place of the former one, apart for each instance;
// what they say of keys; and that a key which machines use is not destroyed by accident.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AdminClient } from '../../../src/doors/http/client.ts'
import { Refusal, type ErrorCode } from '../../../src/base/refusal.ts'
import { reportLine, type ReportLine } from '../../../src/features/inventory/routes.ts'
import { inventoriesOpenMax } from '../../../src/features/inventory/bounds.ts'
import { inventoryStepRows } from '../../../src/features/inventory/stored-rows.ts'
import { startDoor, type TestDoor } from '../../support/server/admin-door.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'
import { inventoryRoutes } from '../../../src/features/inventory/routes.ts'
import { keyRoutes } from '../../../src/features/keys/routes.ts'

let door: TestDoor
let manager: AdminClient
let operator: AdminClient
let viewer: AdminClient
const red = { instance: 'red' }
const taken = new Date(Date.now() - 2 * 24 * 3600_000 - 60_000).toISOString()

before(async () => {
  door = await startDoor()
  manager = await door.client('manager')
  operator = await door.client('operator', door.red)
  viewer = await door.client('viewer', door.red)
})
after(() => door.close())

function refused(code: ErrorCode, message: RegExp) {
  return (error: unknown) => {
    assert(error instanceof Refusal, String(error))
    assert.deepEqual([error.code, message.test(error.message)], [code, true], error.message)
    return true
  }
}

const machine = (name: string, key: string, more: object = {}) =>
  ({ kind: 'vm', name, key, provider: 'mortise', ...more }) as const

async function begin(
  where: { instance: string } = red,
  vcenter = '',
): Promise<{ instance: string; import: string }> {
  const { id } = await operator.call(inventoryRoutes.beginInventoryImport, {
    ...where,
    body: { vcenter, taken },
  })
  return { ...where, import: id }
}

async function imported(machines: ReturnType<typeof machine>[], vcenter = '') {
  const place = await begin(red, vcenter)
  await operator.call(inventoryRoutes.addInventoryRows, { ...place, body: { machines } })
  return operator.call(inventoryRoutes.finishInventoryImport, place)
}

async function report(providers?: string[]): Promise<ReportLine[]> {
  const lines: ReportLine[] = []
  const body = { ...(providers && { providers }) }
  for await (const line of await viewer.call(inventoryRoutes.reportInventory, { ...red, body }))
    lines.push(reportLine.parse(JSON.parse(line)))
  return lines
}

const createKey = async () =>
  (await manager.call(keyRoutes.createKey, { ...red, body: { activate: false } })).id

test('nothing counts before an import is finished, and then keys name their machines', async () => {
  const [used, unused] = [await createKey(), await createKey()]
  await assert.rejects(report(), refused('not-found', /no inventory was imported into the instance red/))
  assert.equal((await viewer.call(keyRoutes.showKey, { ...red, key: used })).usedBy, null)

  const place = await begin()
  const machines = [
    machine('web-1', used),
    machine('web-1', used, { disk: 'Hard disk 1' }),
    machine('lost', 'none'),
  ]
  assert.deepEqual(await operator.call(inventoryRoutes.addInventoryRows, { ...place, body: { machines } }), {
    rows: 3,
  })
  // What is sent again is not added again.
  const again = { machines: [machine('old', 'k9', { provider: 'ibm' }), ...machines] }
  assert.deepEqual(await operator.call(inventoryRoutes.addInventoryRows, { ...place, body: again }), {
    rows: 4,
  })
  assert.deepEqual((await viewer.call(inventoryRoutes.showInventory, red)).inventories, [])
  const { rows, old } = await operator.call(inventoryRoutes.finishInventoryImport, place)
  assert.deepEqual([rows, old], [4, false])

  const { keys } = await viewer.call(keyRoutes.listKeys, red)
  const of = (id: string) => keys.find((key) => key.id === id)?.usedBy
  assert.deepEqual(of(used), { machines: 1, first: [{ kind: 'vm', name: 'web-1' }], asOf: taken, old: false })
  assert.deepEqual(of(unused), { machines: 0, first: [], asOf: taken, old: false })

  const [summary, ...lines] = await report()
  assert(summary?.type === 'summary')
  const { machines: all, missing, destroyed, elsewhere } = summary.summary
  assert.deepEqual([all, missing, destroyed, elsewhere, summary.summary.usedBy?.machines], [3, 1, 0, 1, 1])
  assert.deepEqual(
    lines.map((line) => ('finding' in line ? [line.finding, line.key] : [line.type])),
    [['elsewhere', 'k9'], ['missing', 'none'], ['unused', unused], ['end']],
  )
  const named = (await report(['ibm'])).flatMap((line) =>
    'finding' in line ? [`${line.finding} ${line.key}`] : [],
  )
  assert.deepEqual(
    new Set(named),
    new Set([`elsewhere ${used}`, 'missing k9', 'elsewhere none', `unused ${unused}`]),
  )
  const { entries } = await viewer.call(auditRoutes.listInstanceAudit, {
    ...red,
    query: { action: 'inventory.import', limit: 5 },
  })
  assert.deepEqual([entries.length, entries[0]?.detail?.['rows'], entries[0]?.actor.kind], [1, 4, 'token'])
})

const found = async (contains: string, more: object = {}) => {
  const { keys, after: next } = await viewer.call(keyRoutes.listKeys, {
    ...red,
    query: { contains, ...more },
  })
  return { ids: keys.map(({ id }) => id), next }
}

test('keys are found by any part of the name or id of a machine that uses them, page by page', async () => {
  const [shared, disk, unused] = [await createKey(), await createKey(), await createKey()]
  await imported([
    ...Array.from({ length: 7 }, (_, n) => machine(`payroll-db-${n}`, shared, { machineId: `vm-10${n}` })),
    machine('Payroll-Web', disk, { disk: 'Hard disk 2' }),
    machine('elsewhere', 'no-key-of-ours'),
  ])
  assert.deepEqual((await found('PAYROLL')).ids, [disk, shared])
  assert.deepEqual((await found('payroll-db-6')).ids, [shared])
  assert.deepEqual((await found('vm-105')).ids, [shared])
  assert.deepEqual((await found('elsewhere')).ids, [])
  assert.deepEqual((await found(unused)).ids, [unused])
  const first = await found('payroll', { limit: 1 })
  assert.deepEqual(first.ids, [disk])
  assert.deepEqual((await found('payroll', { limit: 1, after: first.next ?? '' })).ids, [shared])
  const blue = await door.client('viewer', door.blue)
  const others = await blue.call(keyRoutes.listKeys, { instance: 'blue', query: { contains: 'payroll' } })
  assert.deepEqual(others.keys, [])
})

test('a key that machines use is destroyed only by whoever names their number', async () => {
  const key = await createKey()
  await imported([machine('web-1', key), machine('web-2', key), machine('gone', 'not here')])
  const destroy = (inUse?: number) =>
    manager.call(keyRoutes.destroyKey, { ...red, key, query: { ...(inUse !== undefined && { inUse }) } })
  const told = /the key .* is in use by 2 machines as of 2 days ago \(vm web-1, vm web-2\)/
  await assert.rejects(destroy(), refused('conflict', told))
  await assert.rejects(destroy(1), refused('conflict', told))
  await assert.rejects(
    manager.call(keyRoutes.destroyKey, { ...red, key: 'not here' }),
    refused('not-found', /./),
  )
  assert.equal((await viewer.call(keyRoutes.showKey, { ...red, key })).state, 'PreActive')
  assert.equal((await destroy(2)).state, 'Destroyed')
  const summary = await viewer.call(inventoryRoutes.showInventory, red)
  assert.deepEqual([summary.destroyed, summary.missing, summary.usedBy?.machines], [2, 1, 0])
  const free = await createKey()
  assert.equal((await manager.call(keyRoutes.destroyKey, { ...red, key: free })).state, 'Destroyed')
})

test('two imports at once: the last to finish counts, and vCenters stay apart', async () => {
  const [first, second, other] = [await begin(), await begin(), await begin(red, 'vc-b')]
  for (const [place, name] of [
    [first, 'a'],
    [second, 'b'],
    [other, 'c'],
  ] as const)
    await operator.call(inventoryRoutes.addInventoryRows, {
      ...place,
      body: { machines: [machine(name, 'k')] },
    })
  await operator.call(inventoryRoutes.finishInventoryImport, second)
  await operator.call(inventoryRoutes.finishInventoryImport, other)
  await operator.call(inventoryRoutes.finishInventoryImport, first)
  const { inventories, machines } = await viewer.call(inventoryRoutes.showInventory, red)
  assert.deepEqual(
    inventories.map(({ id, vcenter }) => [id, vcenter]),
    [
      [first.import, ''],
      [other.import, 'vc-b'],
    ],
  )
  assert.equal(machines, 2)
  await assert.rejects(
    operator.call(inventoryRoutes.finishInventoryImport, first),
    refused('not-found', /no such import/),
  )
  await assert.rejects(
    operator.call(inventoryRoutes.removeInventory, { ...red, query: { vcenter: 'vc-x' } }),
    refused('not-found', /no inventory of a vCenter vc-x/),
  )
  await operator.call(inventoryRoutes.removeInventory, { ...red, query: { vcenter: 'vc-b' } })
  assert.equal((await viewer.call(inventoryRoutes.showInventory, red)).inventories.length, 1)
})

test('imports have bounds, and wrong ones change nothing', async () => {
  const before = await viewer.call(inventoryRoutes.showInventory, red)
  const ahead = new Date(Date.now() + 2 * 3600_000).toISOString()
  await assert.rejects(
    operator.call(inventoryRoutes.beginInventoryImport, { ...red, body: { taken: ahead } }),
    refused('bad-request', /taken in the future/),
  )
  const empty = await begin()
  await assert.rejects(
    operator.call(inventoryRoutes.finishInventoryImport, empty),
    refused('bad-request', /is empty/),
  )
  const tooLong = { ...empty, body: { machines: [machine('a', '鍵'.repeat(342))] } }
  await assert.rejects(
    operator.call(inventoryRoutes.addInventoryRows, tooLong),
    refused('bad-request', /1024 bytes/),
  )
  const open = [empty]
  while (open.length < inventoriesOpenMax) open.push(await begin())
  await assert.rejects(begin(), refused('conflict', /4 imports into this instance are under way/))
  const bad = { machines: [{ ...machine('a\0', 'k') }] }
  await assert.rejects(
    operator.call(inventoryRoutes.addInventoryRows, { ...empty, body: bad }),
    refused('bad-request', /machines.0.name/),
  )
  for (const place of open) await operator.call(inventoryRoutes.cancelInventoryImport, place)
  await assert.rejects(
    operator.call(inventoryRoutes.cancelInventoryImport, empty),
    refused('not-found', /no such import/),
  )
  assert.deepEqual(await viewer.call(inventoryRoutes.showInventory, red), before)
})

test('an instance sees nothing of another, and a viewer changes nothing', async () => {
  const blue = { instance: 'blue' }
  const there = await door.client('operator', door.blue)
  const mine = await begin()
  for (const place of [
    { ...red, import: mine.import },
    { ...blue, import: mine.import },
  ])
    await assert.rejects(
      there.call(inventoryRoutes.addInventoryRows, { ...place, body: { machines: [machine('x', 'k')] } }),
      refused('not-found', /there is no (instance red|such import)/),
    )
  await assert.rejects(
    there.call(inventoryRoutes.finishInventoryImport, { ...blue, import: mine.import }),
    refused('not-found', /./),
  )
  await assert.rejects(
    there.call(inventoryRoutes.showInventory, red),
    refused('not-found', /no instance red/),
  )
  assert.deepEqual((await there.call(inventoryRoutes.showInventory, blue)).inventories, [])
  await assert.rejects(
    viewer.call(inventoryRoutes.beginInventoryImport, { ...red, body: { taken } }),
    refused('forbidden', /operator/),
  )
  await operator.call(inventoryRoutes.cancelInventoryImport, mine)
})

test('a report on an inventory that is replaced meanwhile is not taken for whole', async () => {
  const { store, context, red: instance } = door
  const many = Array.from({ length: 2 * inventoryStepRows }, (_, at) => machine(`lost-${at}`, `none-${at}`))
  await imported(many, 'vc-replaced')
  const { inventories } = context
  const summary = await inventories.summary(instance.id)
  assert.ok(summary)
  const findings = inventories.findings(summary)
  for (let seen = await findings.next(); seen.value?.vcenter !== 'vc-replaced';) seen = await findings.next()
  await imported([machine('found', 'none')], 'vc-replaced')
  while ((await store.inventories()).some(({ state }) => state === 'gone')) await nextTurn()
  let found = 1
  await assert.rejects(
    async () => {
      for await (const _ of findings) found++
    },
    (error) => error instanceof Refusal && /what was read is not whole/.test(error.message),
  )
  assert.ok(found < many.length, 'rows were removed meanwhile')
})

test('shredding an instance that machines use needs their number, and removes the inventory', async () => {
  const key = await createKey()
  await imported([machine('web-1', key)])
  const query = { shred: 'red' }
  await assert.rejects(
    manager.call(instanceRoutes.deleteInstance, { ...red, query }),
    refused('conflict', /the instance red is in use by 1 machine as of 2 days ago \(vm web-1\)/),
  )
  assert.notEqual(
    (await manager.call(instanceRoutes.deleteInstance, { ...red, query: { ...query, inUse: 1 } })).receipt,
    null,
  )
  assert.equal(await door.context.inventories.summary(door.red.id), null)
})
