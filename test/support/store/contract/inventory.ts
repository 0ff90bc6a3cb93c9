// The part of the store contract that is about inventories.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inventoryTextCharactersMax } from '../../../../src/features/inventory/bounds.ts'
import type { InventoryRecord, InventoryRow } from '../../../../src/core/ports/inventory.ts'
import type { Store } from '../../../../src/core/ports/store.ts'
import { conflict, openPlace, type MakePlace } from '../store-place.ts'
import { change, create, inventoryRecord, inventoryRow, objectRecord } from '../store-values.ts'

export function storeInventoryContract(makePlace: MakePlace): void {
  test('an inventory takes rows while it is open, each once, and at most so many', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await store.commit(change([{ type: 'inventory-begun', record: inventoryRecord('i') }]))
    await addRows(store, 'i', [inventoryRow('k1', 'web-1'), inventoryRow('k2', 'web-2')])
    await addRows(store, 'i', [inventoryRow('k1', 'web-1'), inventoryRow('k3', 'web-3')])
    assert.equal((await store.inventories('instance-1'))[0]?.rows, 3)
    await assert.rejects(
      addRows(store, 'i', [inventoryRow('k4', 'a'), inventoryRow('k5', 'b')], 4),
      conflict('inventory-rows'),
    )
    assert.equal((await rowsOf(store, 'i')).length, 3, 'nothing of the refused rows was added')
    await store.commit(change([{ type: 'inventory-current', id: 'i', importedMs: 9 }]))
    await assert.rejects(addRows(store, 'i', [inventoryRow('k4', 'a')]), conflict('inventory'))
    await assert.rejects(addRows(store, 'none', [inventoryRow('k4', 'a')]), conflict('inventory'))
    assert.deepEqual(await store.inventories('instance-1'), [
      { ...inventoryRecord('i'), state: 'current', importedMs: 9, rows: 3 } satisfies InventoryRecord,
    ])
    assert.deepEqual(await store.inventories('instance-2'), [])
  })

  test('a new inventory takes the place of the one with its label in its instance, and of no other', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await complete(store, inventoryRecord('old'))
    await complete(store, inventoryRecord('other label', { vcenter: 'vc-b' }))
    await complete(store, inventoryRecord('elsewhere', { instanceId: 'instance-2' }))
    await complete(store, inventoryRecord('new'))
    const states = (await store.inventories()).map(({ id, state }) => [id, state])
    assert.deepEqual(states, [
      ['old', 'gone'],
      ['other label', 'current'],
      ['elsewhere', 'current'],
      ['new', 'current'],
    ])
  })

  test('what is gone is cleared step by step; what counts is not', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await complete(
      store,
      inventoryRecord('i'),
      [1, 2, 3, 4, 5].map((n) => inventoryRow(`k${n}`, 'web')),
    )
    const clear = () => store.commit(change([{ type: 'inventory-cleared', id: 'i', rowsMax: 2 }]))
    await clear()
    assert.equal((await rowsOf(store, 'i')).length, 5)
    await store.commit(change([{ type: 'inventories-gone', instanceId: 'instance-1' }]))
    await clear()
    assert.equal((await rowsOf(store, 'i')).length, 3)
    await clear()
    await clear()
    assert.deepEqual(await store.inventories(), [])
    await clear()
  })

  test('rows come in pages in their order, with the stored state of the key in the own instance', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const rows = ['K', 'a', 'a/1', 'é', '🔑'].flatMap((key) => [
      inventoryRow(key, 'db'),
      inventoryRow(key, 'db', { disk: 'Hard disk 1' }),
      inventoryRow(key, 'web', { kind: 'host' }),
    ])
    await create(store, objectRecord('a', { state: 'Active' }))
    await create(store, objectRecord('é', { instanceId: 'instance-2' }))
    await complete(store, inventoryRecord('i'), rows.toReversed())
    await complete(store, inventoryRecord('j', { vcenter: 'vc-b' }), [inventoryRow('a', 'other')])
    const found: InventoryRow[] = []
    for (;;) {
      const after = found.at(-1)
      const page = await store.inventoryRows({ id: 'i', limit: 2, ...(after && { after }) })
      for (const { keyState, ...row } of page) {
        assert.equal(keyState, row.key === 'a' ? 'Active' : null)
        found.push(row)
      }
      if (page.length < 2) break
    }
    assert.deepEqual(found, rows.toSorted(inOrder))
  })

  test('the longest texts, whatever their characters, make a row that is there once', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const [key, name, machineId] = [long(1), long(2), long(3)]
    const row = inventoryRow(key, name, { machineId, disk: long(4), provider: long(5) })
    const others = [
      { ...row, name: `${name}x` },
      { ...row, name: '', machineId: `${name}${machineId}` },
    ]
    await complete(store, inventoryRecord('i'), [row, row, ...others])
    assert.equal((await store.inventories())[0]?.rows, 3)
    assert.equal((await rowsOf(store, 'i')).length, 3)
    assert.equal((await store.keyUses({ id: 'i', keys: [key], firstMax: 9 }))[0]?.machines, 3)
  })

  test('the machines of a key are counted once each, and the first are named', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const rows = [
      inventoryRow('k', 'web'),
      inventoryRow('k', 'web', { disk: 'Hard disk 1' }),
      inventoryRow('k', 'web', { machineId: 'vm-2' }),
      inventoryRow('k', 'esx-1', { kind: 'host' }),
      inventoryRow('l', 'db'),
    ]
    await complete(store, inventoryRecord('i'), rows)
    assert.deepEqual(await store.keyUses({ id: 'i', keys: ['k', 'none', 'l'], firstMax: 2 }), [
      {
        machines: 3,
        first: [
          { kind: 'host', name: 'esx-1' },
          { kind: 'vm', name: 'web' },
        ],
      },
      { machines: 0, first: [] },
      { machines: 1, first: [{ kind: 'vm', name: 'db' }] },
    ])
  })
}

/** Nothing that compresses, four bytes each. */
function long(seed: number): string {
  return Array.from({ length: inventoryTextCharactersMax }, (_, n) =>
    String.fromCodePoint(0x10000 + ((n * 7919 + seed * 104_729) % 0xf0000)),
  ).join('')
}

function inOrder(a: InventoryRow, b: InventoryRow): number {
  return Buffer.compare(Buffer.from(JSON.stringify(orderOf(a))), Buffer.from(JSON.stringify(orderOf(b))))
}

function orderOf({ key, kind, name, machineId, disk, provider }: InventoryRow): readonly string[] {
  return [key, kind, name, machineId, disk, provider]
}

async function addRows(
  store: Store,
  id: string,
  rows: readonly InventoryRow[],
  rowsMax = 1000,
): Promise<void> {
  await store.commit(change([{ type: 'inventory-rows', id, rows, rowsMax }]))
}

async function complete(
  store: Store,
  record: InventoryRecord,
  rows: readonly InventoryRow[] = [],
): Promise<void> {
  await store.commit(change([{ type: 'inventory-begun', record }]))
  await addRows(store, record.id, rows)
  await store.commit(change([{ type: 'inventory-current', id: record.id, importedMs: 9 }]))
}

async function rowsOf(store: Store, id: string) {
  return store.inventoryRows({ id, limit: 1000 })
}
