// What every store must do with leases: part of the store contract. Holders are names, so one store stands for several nodes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LeaseWrite } from '../../../../src/core/ports/leases.ts'
import type { Store } from '../../../../src/core/ports/store.ts'
import { conflict, openPlace, type MakePlace } from '../store-place.ts'
import { change, objectRecord, objectWrite } from '../store-values.ts'

export function storeLeasesContract(makePlace: MakePlace): void {
  test('a lease is of one holder, each time with the next fence, until it is over or given back', async (t) => {
    const { store } = await openPlace(t, makePlace)
    assert.deepEqual(await store.leases(), [])
    await assert.rejects(take(store, 'a', 2), conflict('lease'))
    await take(store, 'a', 1)
    const [lease] = await store.leases()
    assert.deepEqual([lease?.name, lease?.holder, lease?.fence], ['backups', 'a', 1])
    assert.ok(lease && lease.leftMs > 50_000 && lease.leftMs <= 60_000, String(lease?.leftMs))
    for (const fence of [1, 2]) await assert.rejects(take(store, 'b', fence), conflict('lease'))
    await assert.rejects(take(store, 'a', 1), conflict('lease'))
    // The same node in a new run.
    await take(store, 'a', 2)
    await assert.rejects(
      write(store, { type: 'lease-renewed', ...backups, fence: 1, forMs: 1 }),
      conflict('lease'),
    )
    await assert.rejects(write(store, { type: 'lease-returned', ...backups, fence: 1 }), conflict('lease'))
    await write(store, { type: 'lease-renewed', ...backups, fence: 2, forMs: 20 })
    await sleep(40)
    await write(store, { type: 'lease-renewed', ...backups, fence: 2, forMs: 20 })
    await sleep(40)
    await take(store, 'b', 3)
    await assert.rejects(
      write(store, { type: 'lease-renewed', ...backups, fence: 2, forMs: 1 }),
      conflict('lease'),
    )
    await write(store, { type: 'lease-returned', ...backups, fence: 3 })
    await assert.rejects(
      write(store, { type: 'lease-renewed', ...backups, fence: 3, forMs: 1 }),
      conflict('lease'),
    )
    assert.equal((await store.leases())[0]?.holder, null)
    await take(store, 'a', 4)
    await take(store, 'b', 1, 'recovery')
  })

  test('a lease that has far longer left than one lasts is over: the clock of the store was set back since', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await take(store, 'a', 1)
    await write(store, { type: 'lease-renewed', ...backups, fence: 1, forMs: 100_000 })
    await assert.rejects(take(store, 'b', 2), conflict('lease'))
    await write(store, { type: 'lease-renewed', ...backups, fence: 1, forMs: 3600_000 })
    await take(store, 'b', 2)
    await assert.rejects(
      write(store, { type: 'lease-renewed', ...backups, fence: 1, forMs: 60_000 }),
      conflict('lease'),
    )
  })

  test('of those that take a lease at the same time one gets it', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const taken = await Promise.allSettled(['a', 'b', 'c', 'd'].map((holder) => take(store, holder, 1)))
    const lost = taken.filter((one) => one.status === 'rejected')
    assert.equal(lost.length, 3)
    for (const { reason } of lost) assert.ok(conflict('lease')(reason), String(reason))
  })

  test('a change under a lease is refused once the lease was taken again or given back', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const put = (id: string, fence: number) =>
      store.commit(change([objectWrite(objectRecord(id))], { expect: { lease: { ...backups, fence } } }))
    await assert.rejects(put('a', 1), conflict('lease'))
    await take(store, 'a', 1)
    await put('a', 1)
    await take(store, 'a', 2)
    const attempts = await Promise.allSettled([put('b', 1), put('c', 2), put('d', 3)])
    assert.deepEqual(
      attempts.map(({ status }) => status),
      ['rejected', 'fulfilled', 'rejected'],
    )
    await write(store, { type: 'lease-returned', ...backups, fence: 2 })
    await assert.rejects(put('e', 2), conflict('lease'))
    const there = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map(async (id) => store.object('instance-1', id)),
    )
    assert.deepEqual(
      there.map((object) => object?.uniqueIdentifier),
      ['a', undefined, 'c', undefined, undefined],
    )
  })

  test('nodes are known by their last sign, by the clock of the store, until they are gone', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const node = { name: 'a', version: '1', kmip: 'a:5696', startedMs: 5 }
    await write(store, { type: 'node-sign', node: { ...node, name: 'b' } })
    await write(store, { type: 'node-sign', node: { ...node, version: '0' } })
    await sleep(40)
    await write(store, { type: 'node-sign', node })
    const [a, b, ...more] = await store.nodes()
    assert.deepEqual([a, more], [{ ...node, agoMs: a?.agoMs }, []])
    assert.ok(a && b && b.agoMs >= a.agoMs + 30 && b.agoMs < 60_000, JSON.stringify([a, b]))
    await write(store, { type: 'node-gone', name: 'a' })
    assert.deepEqual(
      (await store.nodes()).map(({ name }) => name),
      ['b'],
    )
  })
}

const backups = { name: 'backups' }

function write(store: Store, one: LeaseWrite): Promise<void> {
  return store.commit(change([one]))
}

function take(store: Store, holder: string, fence: number, name = 'backups'): Promise<void> {
  return write(store, { type: 'lease-taken', name, holder, fence, forMs: 60_000 })
}
