// When certificates and clients were last seen: kept in memory, written together every few seconds, and what was noted
// while a write was under way is written by the next one.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { openSqliteStore } from '../../../src/outside/store/sqlite/open.ts'
import { LastSeen } from '../../../src/core/trust/last-seen.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { storeFolder } from '../../support/store/store-place.ts'

async function open(t: TestContext) {
  const clock = new MovableClock()
  const file = `${await storeFolder(t)}/mortise.db`
  const store = new StoreAround(await openSqliteStore({ file, clock, reserveBytes: 0 }))
  t.after(() => store.close())
  const failures: unknown[] = []
  const make = () => new LastSeen(store, clock, (error) => failures.push(error))
  return { clock, store, failures, make, lastSeen: make() }
}

async function addresses(lastSeen: LastSeen) {
  return [(await lastSeen.of(['aa'])).get('aa')?.address, (await lastSeen.ofClient('c'))?.address]
}

test('last-seen times are kept in memory and written together, and the newest counts', async (t) => {
  const { store, clock, failures, lastSeen, make } = await open(t)
  lastSeen.note('aa', '192.0.2.1')
  const first = clock.now()
  assert.equal((await lastSeen.of(['aa', 'bb'])).get('aa')?.lastMs, first, 'before it is written')
  await lastSeen.flush()
  clock.pass(1_000)
  for (let i = 0; i < 1_000; i++) lastSeen.note('aa', '192.0.2.2')
  const seen = await lastSeen.of(['aa', 'bb'])
  assert.deepEqual(seen.get('aa'), { sha256: 'aa', lastMs: first + 1_000, address: '192.0.2.2' })
  assert.equal(seen.has('bb'), false)
  lastSeen.noteClient('c', 'aa', '192.0.2.2')
  const before = store.commits
  store.before = () => {
    throw new StoreUnavailable('full', 'no room')
  }
  await assert.rejects(lastSeen.flush(), StoreUnavailable)
  store.before = () => undefined
  await lastSeen.flush()
  await lastSeen.flush()
  assert.equal(store.commits, before + 2, 'one that failed, one for all')
  assert.equal((await make().of(['aa'])).get('aa')?.address, '192.0.2.2')
  assert.deepEqual(failures, [])
})

test('a client is told with the certificate and address that it last came with, written or not', async (t) => {
  const { clock, lastSeen, make } = await open(t)
  assert.equal(await lastSeen.ofClient('c'), undefined)
  lastSeen.noteClient('c', 'aa', '192.0.2.1')
  const first = { clientId: 'c', lastMs: clock.now(), address: '192.0.2.1', certificateSha256: 'aa' }
  assert.deepEqual(await lastSeen.ofClient('c'), first)
  assert.equal(await make().ofClient('c'), undefined, 'not written yet')
  await lastSeen.flush()
  assert.deepEqual(await make().ofClient('c'), first)
  assert.deepEqual(await lastSeen.ofClient('c'), first)
  clock.pass(1)
  lastSeen.noteClient('c', 'bb', '192.0.2.2')
  const { certificateSha256 } = (await lastSeen.ofClient('c')) ?? {}
  assert.equal(certificateSha256, 'bb')
})

test('what is noted while a write is under way is written by the next one', async (t) => {
  const { store, lastSeen, make } = await open(t)
  lastSeen.note('aa', 'old')
  lastSeen.noteClient('c', 'aa', 'old')
  store.after = () => {
    lastSeen.note('aa', 'new')
    lastSeen.noteClient('c', 'aa', 'new')
    store.after = () => undefined
  }
  await lastSeen.flush()
  assert.deepEqual(await addresses(lastSeen), ['new', 'new'])
  assert.deepEqual(await addresses(make()), ['old', 'old'])
  await lastSeen.flush()
  assert.deepEqual(await addresses(make()), ['new', 'new'])
})

test('it writes by itself every five seconds while there is something to write, and says when it cannot', async (t) => {
  const { clock, store, failures, lastSeen } = await open(t)
  const written = Promise.withResolvers<undefined>()
  store.after = () => written.resolve(undefined)
  lastSeen.note('aa', '192.0.2.1')
  clock.pass(2_000)
  lastSeen.noteClient('c', 'aa', '192.0.2.1')
  clock.pass(2_999)
  assert.equal(store.commits, 0)
  clock.pass(1)
  await written.promise
  clock.pass(60_000)
  await nextTurn()
  assert.equal(store.commits, 1)
  const why = new StoreUnavailable('full', 'no room')
  store.before = () => {
    throw why
  }
  lastSeen.note('aa', '192.0.2.1')
  clock.pass(5_000)
  await nextTurn()
  assert.deepEqual([store.commits, failures], [2, [why]])
})
