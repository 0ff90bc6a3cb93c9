// What inventories say while they are replaced: another node, or the background, may change them between any two reads.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { everyRound } from '../../../src/base/every-round.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { Inventories, type Importer } from '../../../src/features/inventory/inventories.ts'
import { Refusal } from '../../../src/base/refusal.ts'
import { inventoriesOpenMax } from '../../../src/features/inventory/bounds.ts'
import { inventoryStepRows } from '../../../src/features/inventory/stored-rows.ts'
import type { InventoryRow } from '../../../src/core/ports/inventory.ts'
import { openCore } from '../../support/server/core.ts'
import { until } from '../../support/time/until.ts'

const instanceId = 'i'
const row = (key: string): InventoryRow => ({
  key,
  kind: 'vm',
  name: `vm-${key}`,
  machineId: '',
  disk: '',
  provider: '',
})

const failed = (error: unknown) => assert.fail(String(error))
const notWhole = (error: unknown) => error instanceof Refusal && error.code === 'conflict'

/** `around.read` is called before rows are read. */
async function site(t: TestContext) {
  const core = await openCore(t)
  const { store, clock, leases } = core
  const around = { read: async () => {} }
  const before =
    <A, R>(read: (query: A) => Promise<R>) =>
    async (query: A) => {
      await around.read()
      return read(query)
    }
  const inventories = new Inventories({
    store: {
      inventories: (id) => store.inventories(id),
      commit: (change) => store.commit(change),
      keyUses: before((query) => store.keyUses(query)),
      inventoryRows: before((query) => store.inventoryRows(query)),
    },
    clock,
    leases,
    failed,
  })
  t.after(() => inventories.stop())
  const other = new Inventories({ store, clock, leases, failed })
  t.after(() => other.stop())
  const by: Importer = {
    actor: serverActor,
    requestId: 'r',
    identify: async () => ({ trustVersion: await store.trustVersion() }),
  }
  /** By another node, until nothing of the former inventory is left. */
  const replaceBy = async (rows: readonly InventoryRow[]) => {
    const { id } = await other.begin(by, instanceId, { vcenter: '', takenMs: clock.now() })
    await other.add(instanceId, id, rows)
    await other.finish(by, instanceId, id)
    await until(async () => (await store.inventories()).every(({ state }) => state === 'current'))
  }
  const begin = () => inventories.begin(by, instanceId, { vcenter: '', takenMs: clock.now() })
  return { inventories, around, replaceBy, begin }
}

test('of imports that begin at the same moment no more are under way than may be', async (t) => {
  const { begin } = await site(t)
  const begun = await Promise.allSettled(Array.from({ length: inventoriesOpenMax + 4 }, begin))
  assert.equal(begun.filter(({ status }) => status === 'fulfilled').length, inventoriesOpenMax)
  for (const one of begun) if (one.status === 'rejected') assert.ok(notWhole(one.reason), String(one.reason))
})

test('a key keeps its machines while another import takes the place of the inventory', async (t) => {
  const { inventories, around, replaceBy } = await site(t)
  await replaceBy([row('used')])
  let reads = 0
  around.read = async () => {
    if (++reads === 1) await replaceBy([row('used'), row('more')])
  }
  const uses = await inventories.uses(instanceId, ['used', 'more'])
  assert.deepEqual(
    uses?.map(({ machines }) => machines),
    [1, 1],
  )
})

test('a count and a search by machine have every row while another import takes the place of the inventory', async (t) => {
  const { inventories, around, replaceBy } = await site(t)
  const rows = Array.from({ length: inventoryStepRows + 1 }, (_, at) => row(`k${at}`))
  await replaceBy(rows)
  for (const read of [
    async () => (await inventories.summary(instanceId))?.machines,
    async () =>
      (await inventories.keysOfMachines(instanceId, (text) => text.includes('vm-'), everyRound)).size,
  ]) {
    let reads = 0
    around.read = async () => {
      if (++reads === 2) await replaceBy(rows)
    }
    assert.equal(await read(), rows.length)
  }
})

test('what changes again and again is refused, and so is a count that the stop of the server cuts short', async (t) => {
  const { inventories, around, replaceBy } = await site(t)
  await replaceBy([row('used')])
  around.read = () => replaceBy([row('used')])
  await assert.rejects(inventories.uses(instanceId, ['used']), notWhole)

  around.read = async () => {
    around.read = async () => {}
    void inventories.stop()
  }
  const many = Array.from({ length: inventoryStepRows + 1 }, (_, at) => row(`k${at}`))
  await replaceBy(many)
  await assert.rejects(inventories.summary(instanceId), notWhole)
})
