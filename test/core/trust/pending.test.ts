// Pending clients (design: section 3): unknown certificates that connected. Subnets share the list, so strangers can
// neither fill it nor keep a newcomer off it, and it is written at most once a second.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { subnetOf } from '../../../src/base/address.ts'
import { Pending } from '../../../src/core/trust/pending.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import type { PendingClient } from '../../../src/core/ports/trust.ts'
import {
  pendingClientsMax,
  pendingPerSubnetMax,
  pendingSettledMs,
  pendingUnwrittenMax,
  pendingWriteEveryMs,
} from '../../../src/core/trust/pending.ts'
import { openSqliteStore } from '../../../src/outside/store/sqlite/open.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { storeFolder } from '../../support/store/store-place.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { edit } from '../../support/server/core.ts'

async function openList(t: TestContext) {
  const file = `${await storeFolder(t)}/mortise.db`
  const clock = new MovableClock()
  const store = new StoreAround(await openSqliteStore({ file, clock, reserveBytes: 0 }))
  t.after(() => store.close())
  const failures: unknown[] = []
  const described: string[] = []
  const open = () =>
    Pending.open({
      store,
      clock,
      describe: (der) => {
        described.push(Buffer.from(der).toString('hex'))
        return der[0] === unreadable ? null : { subject: `CN=${der.length}`, issuer: 'CN=CA', notAfterMs: 0 }
      },
      subnetOf,
      failed: (error) => failures.push(error),
    })
  const pending = await open()
  t.after(() => pending.close())
  return { file, clock, store, pending, failures, described, open }
}

/** Certificates that begin with this byte cannot be read by the tests' `describe`. */
const unreadable = 0xff

function stranger(first = 0x30) {
  const der = Buffer.concat([Buffer.of(first), randomBytes(199)])
  return { der, sha256: createHash('sha256').update(der).digest('hex') }
}

const names = (list: readonly PendingClient[]) => list.map(({ sha256 }) => sha256)

test('an unknown certificate is recorded once, and its further connections are counted', async (t) => {
  const { pending, clock } = await openList(t)
  const one = stranger()
  assert.equal(pending.recordUnknown(one, '192.0.2.1'), true)
  clock.pass(1_000)
  assert.equal(pending.recordUnknown(one, '192.0.2.1'), false)
  const now = clock.now()
  const { sha256, der: certificate } = one
  const says = { subject: 'CN=200', issuer: 'CN=CA', notAfterMs: 0 }
  const place = { address: '192.0.2.1', subnet: '192.0.2.1' }
  const expected = { sha256, certificate, ...place, firstMs: now - 1_000, lastMs: now, attempts: 2, says }
  assert.deepEqual(pending.get(one.sha256), expected)
  const two = stranger()
  clock.pass(1)
  pending.recordUnknown(two, '192.0.2.2')
  assert.deepEqual(names(pending.list()), [two.sha256, one.sha256], 'the newest connection first')
  pending.remove(one.sha256)
  assert.deepEqual(names(pending.list()), [two.sha256])
})

test('one address has at most 5 places, and its newest certificate replaces one of its own', async (t) => {
  const { pending, clock } = await openList(t)
  const other = stranger()
  pending.recordUnknown(other, '192.0.2.2')
  const mine = Array.from({ length: 8 }, () => stranger())
  for (const one of mine) {
    clock.pass(1)
    assert.equal(pending.recordUnknown(one, '192.0.2.1'), true)
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

test('a known certificate that comes back takes the place of no other', async (t) => {
  const { pending, clock } = await openList(t)
  const mine = Array.from({ length: pendingPerSubnetMax }, () => stranger())
  for (const one of [...mine, ...mine.slice(-2)]) {
    clock.pass(1)
    pending.recordUnknown(one, '192.0.2.1')
  }
  assert.deepEqual(names(pending.list()).toSorted(), mine.map(({ sha256 }) => sha256).toSorted())
})

test('in a subnet with no free place, certificates that came back within the hour are dropped last', async (t) => {
  const { pending, clock } = await openList(t)
  const regulars = Array.from({ length: pendingPerSubnetMax - 1 }, () => stranger())
  for (const one of regulars) for (let i = 0; i < 2; i++) pending.recordUnknown(one, '192.0.2.1')
  for (let i = 0; i < 10; i++) {
    clock.pass(1)
    assert.equal(pending.recordUnknown(stranger(), '192.0.2.1'), true)
  }
  for (const one of regulars) assert.ok(pending.get(one.sha256), 'those that came once make room')
  clock.pass(pendingSettledMs - 10)
  pending.recordUnknown(stranger(), '192.0.2.1')
  for (const one of regulars) assert.ok(pending.get(one.sha256), 'an hour is not over')
  clock.pass(1)
  const [first, ...others] = regulars
  for (const one of others) pending.recordUnknown(one, '192.0.2.1')
  pending.recordUnknown(stranger(), '192.0.2.1')
  pending.recordUnknown(stranger(), '192.0.2.1')
  assert.equal(pending.get(first?.sha256 ?? ''), undefined, 'it did not come back within the hour')
  for (const one of others) assert.ok(pending.get(one.sha256))
})

test('if all of a subnet came back, a newcomer still gets a place', async (t) => {
  const { pending, clock } = await openList(t)
  const regulars = Array.from({ length: pendingPerSubnetMax }, () => stranger())
  for (const one of regulars)
    for (let i = 0; i < 2; i++) {
      clock.pass(1)
      pending.recordUnknown(one, '192.0.2.1')
    }
  const vcenter = stranger()
  assert.equal(pending.recordUnknown(vcenter, '192.0.2.1'), true)
  assert.ok(pending.get(vcenter.sha256))
  assert.equal(pending.get(regulars[0]?.sha256 ?? ''), undefined, 'the one that came back longest ago')
  assert.equal(pending.list().length, pendingPerSubnetMax)
})

test('no number of addresses keeps a newcomer off the list, however often they connect', async (t) => {
  const { pending, clock } = await openList(t)
  const come = (address: string, one = stranger()) => {
    clock.pass(1)
    pending.recordUnknown(one, address)
    pending.recordUnknown(one, address)
    return one
  }
  for (let address = 1; address <= 60; address++)
    for (let i = 0; i < pendingPerSubnetMax; i++) come(`192.0.2.${address}`)
  assert.equal(pending.list().length, pendingClientsMax)
  const vcenters = ['198.51.100.1', '2001:db8::1', '198.51.100.2'].map((address) => come(address))
  // All of them again, and more: a subnet never grows by taking from a smaller one.
  for (let round = 0; round < 3; round++)
    for (let address = 1; address <= 60; address++)
      for (let i = 0; i < pendingPerSubnetMax; i++) come(`192.0.2.${address}`)
  for (const { sha256 } of vcenters) assert.ok(pending.get(sha256))
  assert.equal(pending.list().length, pendingClientsMax)
})

test('an IPv6 /64 has one share', async (t) => {
  const { pending } = await openList(t)
  for (let host = 1; host <= 200; host++)
    pending.recordUnknown(stranger(), `2001:db8:0:1::${host.toString(16)}`)
  assert.equal(pending.list().length, pendingPerSubnetMax)
  pending.recordUnknown(stranger(), '2001:db8:0:2::1')
  assert.equal(pending.list().length, pendingPerSubnetMax + 1)
})

test('there are at most 100 in all; among the largest subnets, the one that connected longest ago makes room', async (t) => {
  const { pending, clock } = await openList(t)
  const all = Array.from({ length: pendingClientsMax }, () => stranger())
  for (const [index, one] of all.entries()) {
    clock.pass(1)
    assert.equal(pending.recordUnknown(one, `192.0.2.${index}`), true)
  }
  const [oldest, second] = all
  clock.pass(1)
  pending.recordUnknown(oldest ?? stranger(), '192.0.2.0')
  assert.equal(pending.recordUnknown(stranger(), '198.51.100.1'), true)
  assert.equal(pending.list().length, pendingClientsMax)
  assert.ok(pending.get(oldest?.sha256 ?? ''), 'it came back')
  assert.equal(pending.get(second?.sha256 ?? ''), undefined)
})

test('a certificate is read once, when it enters the list, and one that cannot be read enters it too', async (t) => {
  const { pending, described, open } = await openList(t)
  const [one, other] = [stranger(), stranger(unreadable)]
  for (let i = 0; i < 3; i++)
    for (const { der, sha256 } of [one, other]) pending.recordUnknown({ der, sha256 }, '192.0.2.1')
  assert.deepEqual(
    described,
    [one, other].map(({ der }) => der.toString('hex')),
  )
  assert.deepEqual(pending.get(one.sha256)?.says, { subject: 'CN=200', issuer: 'CN=CA', notAfterMs: 0 })
  assert.equal(pending.get(other.sha256)?.says, null)
  await pending.close()
  const again = await open()
  assert.equal(again.get(other.sha256)?.says, null, 'after a restart too')
  assert.equal(again.list().length, 2)
})

test('two addresses cannot fill the list by exchanging their certificates', async (t) => {
  const { pending, clock } = await openList(t)
  for (let round = 0; round < 30; round++) {
    const hand = Array.from({ length: pendingPerSubnetMax }, () => stranger())
    for (const address of ['192.0.2.1', '192.0.2.2'])
      for (const one of hand) {
        clock.pass(1)
        pending.recordUnknown(one, address)
      }
  }
  assert.ok(pending.list().length <= 2 * pendingPerSubnetMax, String(pending.list().length))
  const addresses = Map.groupBy(pending.list(), ({ address }) => address)
  for (const [address, of] of addresses) assert.ok(of.length <= pendingPerSubnetMax, address)
  assert.equal(pending.recordUnknown(stranger(), '203.0.113.1'), true)
})

test('a certificate that connects from another address is shown with that address', async (t) => {
  const { pending } = await openList(t)
  const one = stranger()
  pending.recordUnknown(one, '192.0.2.1')
  pending.recordUnknown(one, '192.0.2.2')
  assert.equal(pending.get(one.sha256)?.address, '192.0.2.2')
})

test('however many connect, the list is written at most once a second, and completely in the end', async (t) => {
  const { pending, store, clock, open } = await openList(t)
  for (let step = 0; step < 150; step++) {
    for (let i = 0; i < 20; i++) pending.recordUnknown(stranger(), `192.0.2.${String(step)}`)
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

test('each of several nodes lists the clients that connected to any, and none that another one took off', async (t) => {
  const { pending, open } = await openList(t)
  const other = await open()
  const [one, two] = [stranger(), stranger()]
  pending.recordUnknown(one, '192.0.2.1')
  await pending.close()
  other.recordUnknown(two, '192.0.2.2')
  await other.close()
  await pending.follow()
  assert.deepEqual(new Set(names(pending.list())), new Set([one.sha256, two.sha256]))
  await other.follow()
  other.remove(one.sha256)
  await other.follow()
  assert.deepEqual(names(other.list()), [two.sha256], 'it is off the list before that is written')
  await other.close()
  await pending.follow()
  assert.deepEqual(names(pending.list()), [two.sha256])
  assert.deepEqual(names((await open()).list()), [two.sha256])
})

test('a failed write is reported, and the list continues', async (t) => {
  const { pending, store, failures, open } = await openList(t)
  store.before = () => {
    throw new StoreUnavailable('full', 'no room')
  }
  const one = stranger()
  pending.recordUnknown(one, '192.0.2.1')
  await pending.close()
  assert.equal(failures.length, 1)
  assert.ok(pending.get(one.sha256))
  store.before = () => undefined
  pending.recordUnknown(one, '192.0.2.1')
  await pending.close()
  assert.deepEqual(names((await open()).list()), [one.sha256])
})

test('what comes and goes while the store takes nothing is forgotten, but for some', async (t) => {
  const { pending, store, clock, failures } = await openList(t)
  let written = 0
  store.before = ({ writes }) => {
    written = writes.flatMap((write) => (write.type === 'pending' ? write.removed : [])).length
    throw new StoreUnavailable('full', 'no room')
  }
  for (let second = 1; second <= 30; second++) {
    for (let i = 0; i < pendingClientsMax; i++) {
      clock.pass(1)
      pending.recordUnknown(stranger(), `192.0.${String(second)}.${String(i)}`)
    }
    clock.pass(pendingWriteEveryMs)
    await nextTurn()
  }
  await pending.close()
  assert.ok(failures.length >= 30)
  assert.ok(written <= pendingUnwrittenMax, `${String(written)} are remembered`)
})

test('a row with another certificate than its SHA-256 names is never shown', async (t) => {
  const { pending, file, open } = await openList(t)
  const [vcenter, mallory] = [stranger(), stranger()]
  pending.recordUnknown(vcenter, '192.0.2.1')
  await pending.close()
  edit(file, 'UPDATE pending SET certificate = ?', mallory.der)
  assert.deepEqual((await open()).list(), [])
})
