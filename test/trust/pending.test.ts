// Pending clients (design: section 3): unknown certificates that knocked, bounded so that a stranger can neither fill the
// list nor push out who keeps knocking, and written at most once a second. And when certificates were last seen.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Pending } from '../../src/trust/pending.ts'
import { StoreUnavailable } from '../../src/ports/store.ts'
import type { PendingClient } from '../../src/ports/trust.ts'
import { Sightings } from '../../src/trust/sightings.ts'
import { limits } from '../../src/limits.ts'
import { openSqliteStore } from '../../src/store/open.ts'
import { StoreAround } from '../support/store-around.ts'
import { storeFolder } from '../support/store-place.ts'
import { MovableClock } from '../support/movable-clock.ts'
import { edit } from '../support/world.ts'

async function openList(t: TestContext) {
  const file = `${await storeFolder(t)}/mortise.db`
  const clock = new MovableClock()
  const store = new StoreAround(await openSqliteStore({ file, clock, reserveBytes: 0 }))
  t.after(() => store.close())
  const failures: unknown[] = []
  const open = () => Pending.open(store, clock, (error) => failures.push(error))
  const pending = await open()
  t.after(() => pending.close())
  return { file, clock, store, pending, failures, open }
}

function stranger() {
  const der = randomBytes(200)
  return { der, sha256: createHash('sha256').update(der).digest('hex') }
}

const minute = 60_000
const names = (list: readonly PendingClient[]) => list.map(({ sha256 }) => sha256)

test('a knock is noted once, and counted after that', async (t) => {
  const { pending, clock } = await openList(t)
  const one = stranger()
  assert.equal(pending.knock(one, '192.0.2.1'), true)
  clock.pass(1_000)
  assert.equal(pending.knock(one, '192.0.2.1'), false)
  const now = clock.now()
  const { sha256, der: certificate } = one
  const expected = { sha256, certificate, address: '192.0.2.1', firstMs: now - 1_000, lastMs: now, knocks: 2 }
  assert.deepEqual(pending.get(one.sha256), expected)
  const two = stranger()
  clock.pass(1)
  pending.knock(two, '192.0.2.2')
  assert.deepEqual(names(pending.list()), [two.sha256, one.sha256], 'the newest knock first')
  pending.remove(one.sha256)
  assert.deepEqual(names(pending.list()), [two.sha256])
})

test('one address has at most 5, and its newest pushes out its own', async (t) => {
  const { pending, clock } = await openList(t)
  const other = stranger()
  pending.knock(other, '192.0.2.2')
  const mine = Array.from({ length: 8 }, stranger)
  for (const one of mine) {
    clock.pass(1)
    assert.equal(pending.knock(one, '192.0.2.1'), true)
  }
  const expected = [
    ...mine
      .slice(3)
      .map(({ sha256 }) => sha256)
      .toReversed(),
    other.sha256,
  ]
  assert.deepEqual(names(pending.list()), expected)
})

test('a newcomer never pushes out who knocked again within the hour', async (t) => {
  const { pending, clock } = await openList(t)
  const regulars = Array.from({ length: limits.pendingPerAddressMax }, stranger)
  for (const one of regulars) for (let i = 0; i < 2; i++) pending.knock(one, '192.0.2.1')
  clock.pass(59 * minute)
  assert.equal(pending.knock(stranger(), '192.0.2.1'), false, 'there is no room')
  clock.pass(minute + 1)
  const [first, ...others] = regulars
  for (const one of others) pending.knock(one, '192.0.2.1')
  assert.equal(pending.knock(stranger(), '192.0.2.1'), true, 'one did not knock again within the hour')
  assert.equal(pending.get(first?.sha256 ?? ''), undefined)
  for (const one of others) assert.ok(pending.get(one.sha256))
})

test('there are at most 100 in all, and the one that knocked longest ago makes room', async (t) => {
  const { pending, clock } = await openList(t)
  const all = Array.from({ length: limits.pendingClientsMax }, stranger)
  for (const [index, one] of all.entries()) {
    clock.pass(1)
    assert.equal(pending.knock(one, `192.0.2.${index}`), true)
  }
  const [oldest, second] = all
  clock.pass(1)
  pending.knock(oldest ?? stranger(), '192.0.2.0')
  assert.equal(pending.knock(stranger(), '198.51.100.1'), true)
  assert.equal(pending.list().length, limits.pendingClientsMax)
  assert.ok(pending.get(oldest?.sha256 ?? ''), 'it knocked again')
  assert.equal(pending.get(second?.sha256 ?? ''), undefined)
  for (const one of all.slice(2)) pending.knock(one, pending.get(one.sha256)?.address ?? '')
  for (let i = 0; i < 3; i++) pending.knock(stranger(), `198.51.100.${i}`)
  for (const one of all.slice(2)) assert.ok(pending.get(one.sha256), 'regulars stay')
})

test('two addresses cannot fill the list by handing their certificates to and fro', async (t) => {
  const { pending, clock } = await openList(t)
  for (let round = 0; round < 30; round++) {
    const hand = Array.from({ length: limits.pendingPerAddressMax }, stranger)
    for (const address of ['192.0.2.1', '192.0.2.2'])
      for (const one of hand) {
        clock.pass(1)
        pending.knock(one, address)
      }
  }
  assert.ok(pending.list().length <= 2 * limits.pendingPerAddressMax, String(pending.list().length))
  const addresses = Map.groupBy(pending.list(), ({ address }) => address)
  for (const [address, of] of addresses) assert.ok(of.length <= limits.pendingPerAddressMax, address)
  assert.equal(pending.knock(stranger(), '203.0.113.1'), true)
})

test('a certificate that comes from another address is shown with it', async (t) => {
  const { pending } = await openList(t)
  const one = stranger()
  pending.knock(one, '192.0.2.1')
  pending.knock(one, '192.0.2.2')
  assert.equal(pending.get(one.sha256)?.address, '192.0.2.2')
})

test('however many knock, it is written at most once a second, and all of it in the end', async (t) => {
  const { pending, store, clock, open } = await openList(t)
  for (let step = 0; step < 150; step++) {
    for (let i = 0; i < 20; i++) pending.knock(stranger(), `192.0.2.${String(step)}`)
    clock.pass(20)
    await nextTurn()
  }
  assert.ok(store.commits >= 2 && store.commits <= 3, `${store.commits} writes in 3 s`)
  await pending.close()
  assert.deepEqual(names((await open()).list()).toSorted(), names(pending.list()).toSorted())
  const before = store.commits
  await pending.close()
  assert.equal(store.commits, before, 'there is nothing more to write')
})

test('a store that cannot be written is told of, and the list goes on', async (t) => {
  const { pending, store, failures, open } = await openList(t)
  store.before = () => {
    throw new StoreUnavailable('full', 'no room')
  }
  const one = stranger()
  pending.knock(one, '192.0.2.1')
  await pending.close()
  assert.equal(failures.length, 1)
  assert.ok(pending.get(one.sha256))
  store.before = () => undefined
  pending.knock(one, '192.0.2.1')
  await pending.close()
  assert.deepEqual(names((await open()).list()), [one.sha256])
})

test('a row whose certificate is not the one that it is named after is not shown to anybody', async (t) => {
  const { pending, file, open } = await openList(t)
  const [vcenter, mallory] = [stranger(), stranger()]
  pending.knock(vcenter, '192.0.2.1')
  await pending.close()
  edit(file, 'UPDATE pending SET certificate = ?', mallory.der)
  assert.deepEqual((await open()).list(), [])
})

test('sightings are kept in memory, written in one go, and the newest counts', async (t) => {
  const { store, clock } = await openList(t)
  const failures: unknown[] = []
  const sightings = new Sightings(store, clock, (error) => failures.push(error))
  sightings.note('aa', '192.0.2.1')
  const first = clock.now()
  assert.equal((await sightings.of(['aa', 'bb'])).get('aa')?.lastMs, first, 'before it is written')
  await sightings.flush()
  clock.pass(1_000)
  for (let i = 0; i < 1_000; i++) sightings.note('aa', '192.0.2.2')
  const seen = await sightings.of(['aa', 'bb'])
  assert.deepEqual(seen.get('aa'), { sha256: 'aa', lastMs: first + 1_000, address: '192.0.2.2' })
  assert.equal(seen.has('bb'), false)
  const before = store.commits
  store.before = () => {
    throw new StoreUnavailable('full', 'no room')
  }
  await assert.rejects(sightings.flush(), StoreUnavailable)
  store.before = () => undefined
  await sightings.flush()
  await sightings.flush()
  assert.equal(store.commits, before + 2, 'one that failed, one for all')
  const later = new Sightings(store, clock, (error) => failures.push(error))
  assert.equal((await later.of(['aa'])).get('aa')?.address, '192.0.2.2')
  assert.deepEqual(failures, [])
})
