// The leases of a node: when it believes in one, and when it does not any more. Two nodes are two views of one store.

import assert from 'node:assert/strict'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { backgroundLeaseMs } from '../../../src/base/bounds.ts'
import { leaseRenewMs } from '../../../src/core/server/leases.ts'
import { StoreConflict, StoreUnavailable, type Change, type Store } from '../../../src/core/ports/store.ts'
import { apartFromLease, LeaseElsewhere } from '../../../src/core/ports/leases.ts'
import { NodeLeases } from '../../../src/core/server/leases.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { openSqlite, storeFolder } from '../../support/store/store-place.ts'
import { auditEntry } from '../../support/store/store-values.ts'
import { until } from '../../support/time/until.ts'

test('a lease is kept by renewing it; who cannot renew believes in it no longer than the store does', async (t) => {
  const { one, two, clock } = await nodes(t)
  const lease = await one.leases.hold('backups')
  assert.ok(lease)
  assert.ok(lease.isHeld())
  assert.equal(await one.leases.hold('backups'), lease)
  assert.equal(await two.leases.hold('backups'), undefined)
  assert.equal((await two.leases.hold('recovery'))?.isHeld(), true)
  one.leases.start()
  for (let ms = 0; ms < 2 * backgroundLeaseMs; ms += leaseRenewMs) {
    const before = one.writes
    clock.pass(leaseRenewMs)
    await until(() => one.writes > before)
    await settled(one)
    assert.ok(lease.isHeld())
  }
  one.down = true
  clock.pass(backgroundLeaseMs)
  assert.equal(lease.isHeld(), false)
  await until(() => one.failures > 0)
  one.down = false
  await one.leases.renew()
  assert.ok(lease.isHeld(), 'nobody took it meanwhile')
})

test('a lease that another node took is gone for good, and its fence is refused', async (t) => {
  const { one, two, store } = await nodes(t)
  const lease = await one.leases.hold('backups')
  assert.ok(lease)
  // The store lets it run out, as for a node that is stopped: its own clock did not move.
  await store.commit(change({ type: 'lease-renewed', name: 'backups', fence: lease.fence, forMs: -1 }))
  const other = await two.leases.hold('backups')
  assert.equal(other?.fence, lease.fence + 1)
  const { name, fence } = lease
  const late = store.commit({ ...change(), expect: { lease: { name, fence } } })
  await assert.rejects(late, (error) => error instanceof StoreConflict && error.what === 'lease')
  await one.leases.renew()
  assert.equal(lease.isHeld(), false)
  assert.equal(await one.leases.hold('backups'), undefined)
  await one.leases.giveBack(lease)
  assert.ok(other?.isHeld())
})

test('what a node left that is gone ends also where the clock of the database was set back since', async (t) => {
  const { one, two, file } = await nodes(t)
  await one.leases.announce({ version: '1.2.3', kmip: 'kms-1:5696', startedMs: 1 })
  assert.ok(await one.leases.hold('backups'))
  using database = new DatabaseSync(file)
  database.exec(
    'UPDATE leases SET until_ms = until_ms + 3600000; UPDATE node_signs SET seen_ms = seen_ms + 3600000',
  )
  const [seen] = await two.leases.nodes()
  assert.deepEqual([seen?.name, seen?.serves, seen?.work], ['one', false, []])
  assert.equal(await two.leases.elsewhere('backups'), null)
  assert.ok((await two.leases.hold('backups'))?.isHeld())
})

test('a node that stops gives all back, and takes nothing more', async (t) => {
  const { one, two } = await nodes(t)
  const lease = await one.leases.hold('backups')
  await one.leases.stop()
  assert.equal(lease?.isHeld(), false)
  assert.equal(await one.leases.hold('recovery'), undefined)
  assert.ok((await two.leases.hold('backups'))?.isHeld())
})

test('of two that ask at the same time one gets it, and a node that asks twice gets one lease', async (t) => {
  const { one, two } = await nodes(t)
  const [a, again, b] = await Promise.all([
    one.leases.hold('backups'),
    one.leases.hold('backups'),
    two.leases.hold('backups'),
  ])
  assert.equal(a, again)
  assert.equal([a, b].filter((lease) => lease !== undefined).length, 1)
})

test('work that begins just as other work under the lease ends has the lease', async (t) => {
  const { one } = await nodes(t)
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const first = one.leases.during('restore', () => {
    begun.resolve()
    return gate.promise
  })
  await begun.promise
  const lease = await one.leases.hold('restore')
  gate.resolve()
  assert.ok(await one.leases.during('restore', async () => lease?.isHeld()))
  await first
  assert.equal(lease?.isHeld(), false, 'given back after the last')
})

test('a node tells of itself until it stops, and each says who does what', async (t) => {
  const { one, two, store } = await nodes(t)
  const version = '1.2.3'
  await one.leases.announce({ version, kmip: 'kms-1:5696', startedMs: 1 })
  await two.leases.announce({ version, kmip: 'kms-2:5696', startedMs: 2 })
  await one.leases.hold('backups')
  assert.equal(await one.leases.elsewhere('backups'), null)
  assert.equal(await two.leases.elsewhere('backups'), 'one')
  assert.equal(await two.leases.elsewhere('restore'), null)
  const seen = await two.leases.nodes()
  assert.deepEqual(
    seen.map((node) => ({ ...node, agoMs: 0 })),
    [
      {
        name: 'one',
        version,
        kmip: 'kms-1:5696',
        startedMs: 1,
        agoMs: 0,
        isThis: false,
        serves: true,
        work: ['backups'],
      },
      {
        name: 'two',
        version,
        kmip: 'kms-2:5696',
        startedMs: 2,
        agoMs: 0,
        isThis: true,
        serves: true,
        work: [],
      },
    ],
  )
  await one.leases.stop()
  assert.deepEqual(
    (await two.leases.nodes()).map(({ name }) => name),
    ['two'],
  )
  const alone = new NodeLeases({ store, clock: new MovableClock(), failed })
  await alone.announce({ version, kmip: 'kms-3:5696', startedMs: 3 })
  assert.deepEqual(await alone.nodes(), [], 'one process has the store alone')
})

test('every commit of work under a lease is refused once another node took it, and what the work left running is not', async (t) => {
  const { one, store } = await nodes(t)
  const entries = () => store.audit({ order: 'oldest', limit: 10 }).then((page) => page.entries.length)
  const writing = () => store.commit({ ...change(), entries: [auditEntry()] })
  const goOn = Promise.withResolvers<void>()
  let behind: Promise<void> | undefined
  const lost = one.leases.during('adoption', async () => {
    await writing()
    behind = goOn.promise.then(writing)
    const lease = await one.leases.hold('adoption')
    const taken = { name: 'adoption', holder: 'one', fence: (lease?.fence ?? 0) + 1, forMs: 1 } as const
    await apartFromLease(() => store.commit(change({ type: 'lease-taken', ...taken })))
    // As one that is tried again where others changed the same.
    await writing().catch((error: unknown) => {
      if (!(error instanceof StoreConflict)) throw error
    })
  })
  await assert.rejects(lost, LeaseElsewhere)
  assert.equal(await entries(), 1)
  goOn.resolve()
  await behind
  assert.equal(await entries(), 2)
})

test('the only process of a store has each lease at once and for good, also after it was killed', async (t) => {
  const { store } = await nodes(t)
  const clock = new MovableClock()
  const first = new NodeLeases({ store, clock, failed })
  first.start()
  const lease = (await first.hold('backups')) ?? assert.fail('no lease')
  clock.pass(10 * backgroundLeaseMs)
  assert.ok(lease.isHeld())
  await first.giveBack(lease)
  assert.equal(await first.hold('backups'), lease, 'it is not taken, and committed, again')
  const restarted = new NodeLeases({ store, clock, failed })
  assert.ok((await restarted.hold('backups'))?.isHeld())
})

function failed(error: unknown): never {
  return assert.fail(String(error))
}

interface Node {
  readonly leases: NodeLeases
  down: boolean
  writes: number
  failures: number
  pending: number
}

async function nodes(t: TestContext) {
  const file = path.join(await storeFolder(t), 'mortise.db')
  const store = await openSqlite(t, file)
  const clock = new MovableClock()
  return { one: node(store, clock, 'one'), two: node(store, clock, 'two'), store, clock, file }
}

function node(store: Store, clock: MovableClock, name: string): Node {
  const commit = async (one: Change) => {
    if (made.down) throw new StoreUnavailable('unavailable', 'cut off')
    made.pending++
    try {
      await store.commit(one)
    } finally {
      made.pending--
      made.writes++
    }
  }
  const view = { node: name, leases: () => store.leases(), nodes: () => store.nodes(), commit }
  const made: Node = {
    leases: new NodeLeases({ store: view, clock, failed: () => void made.failures++ }),
    down: false,
    writes: 0,
    failures: 0,
    pending: 0,
  }
  return made
}

function change(...writes: Change['writes']): Change {
  return { writes, entries: [], durability: 'process' }
}

async function settled(one: Node): Promise<void> {
  await until(() => one.pending === 0)
  await new Promise(setImmediate)
}
