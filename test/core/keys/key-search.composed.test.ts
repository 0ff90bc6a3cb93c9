// Names are found however their letters are composed: macOS writes ü as two characters, and keyboards as one.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { AdminClient } from '../../../src/doors/http/client.ts'
import { startDoor, type TestDoor } from '../../support/server/admin-door.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { inventoryRoutes } from '../../../src/features/inventory/routes.ts'
import { keyRoutes } from '../../../src/features/keys/routes.ts'
import { tokenRoutes } from '../../../src/features/tokens/routes.ts'

let door: TestDoor
let manager: AdminClient
const red = { instance: 'red' }
const composed = 'Münchner-Gehälter'.normalize('NFC')
const decomposed = composed.normalize('NFD')
const forms = [composed, decomposed]

before(async () => {
  door = await startDoor()
  manager = await door.client('manager')
})
after(() => door.close())

const make = async (name: string) =>
  (await manager.call(keyRoutes.createKey, { ...red, body: { name, activate: false } })).id

async function containing(contains: string): Promise<string[]> {
  const { keys } = await manager.call(keyRoutes.listKeys, { ...red, query: { contains } })
  return keys.map(({ id }) => id)
}

test('a part of the name of a key or of its machine finds it in either form', async () => {
  const named = await Promise.all(forms.map((name) => make(`${name}-key`)))
  const [used, unused] = await Promise.all([make('used'), make('unused')])
  const { id } = await manager.call(inventoryRoutes.beginInventoryImport, {
    ...red,
    body: { vcenter: '', taken: new Date().toISOString() },
  })
  const place = { ...red, import: id }
  const machines = [{ kind: 'vm', name: `${decomposed}-vm`, key: used, provider: 'mortise' }] as const
  await manager.call(inventoryRoutes.addInventoryRows, { ...place, body: { machines: [...machines] } })
  await manager.call(inventoryRoutes.finishInventoryImport, place)
  for (const form of forms) {
    const part = form.slice(1).toUpperCase()
    assert.deepEqual((await containing(part)).toSorted(), [...named, used].toSorted())
    assert.deepEqual((await containing(`${part}-key`)).toSorted(), named.toSorted())
  }
  // Other letters are other names.
  assert.deepEqual(await containing('Munchner'), [])
  assert.deepEqual(await containing('unused'), [unused])
})

test('a letter that is composed into one of ASCII is found by that', async () => {
  // The Kelvin sign, and the Greek question mark.
  const id = await make('300\u212A\u037E')
  assert.deepEqual(await containing('300k;'), [id])
})

test('the audit of what has a whole name is found in either form', async () => {
  const ids = await Promise.all(forms.map(make))
  const { id: token } = await manager.call(tokenRoutes.createToken, {
    body: { role: 'viewer', name: decomposed },
  })
  for (const objectName of forms) {
    const { entries } = await manager.call(auditRoutes.listAudit, { query: { objectName, limit: 100 } })
    assert.deepEqual(
      [...new Set(entries.map(({ object }) => object ?? ''))].toSorted(),
      [...ids, token].toSorted(),
    )
  }
})
