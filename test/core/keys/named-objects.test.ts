// The audit by a whole name: of keys, of the machines that use them, of clients and of tokens.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { AdminClient } from '../../../src/doors/http/client.ts'
import { startDoor, type TestDoor } from '../../support/server/admin-door.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { inventoryRoutes } from '../../../src/features/inventory/routes.ts'
import { keyRoutes } from '../../../src/features/keys/routes.ts'

let door: TestDoor
let manager: AdminClient
const red = { instance: 'red' }

before(async () => {
  door = await startDoor()
  manager = await door.client('manager')
})
after(() => door.close())

const make = async (name: string) =>
  (await manager.call(keyRoutes.createKey, { ...red, body: { name, activate: false } })).id

async function objectsOf(objectName: string): Promise<readonly (string | null)[]> {
  const { entries } = await manager.call(auditRoutes.listAudit, { query: { objectName, limit: 100 } })
  return entries.map(({ object }) => object)
}

test('a machine of an imported inventory is found by its whole name, in either form, and by its id', async () => {
  const [first, second] = await Promise.all([make('first'), make('second')])
  const { id } = await manager.call(inventoryRoutes.beginInventoryImport, {
    ...red,
    body: { vcenter: '', taken: new Date().toISOString() },
  })
  const place = { ...red, import: id }
  const machine = { kind: 'vm', provider: 'mortise' } as const
  const name = 'Gehälter'.normalize('NFC')
  const machines = [
    { ...machine, name, machineId: 'vm-41', key: first },
    { ...machine, name: 'Gehälter-2'.normalize('NFC'), machineId: 'vm-411', key: second },
  ]
  await manager.call(inventoryRoutes.addInventoryRows, { ...place, body: { machines } })
  await manager.call(inventoryRoutes.finishInventoryImport, place)
  for (const one of [name, name.normalize('NFD'), 'vm-41'])
    assert.deepEqual(await objectsOf(one), [first], one)
  // A whole name is what it is, in its own letters.
  for (const other of ['Gehälter-', 'gehälter', 'vm-4']) assert.deepEqual(await objectsOf(other), [], other)
})
