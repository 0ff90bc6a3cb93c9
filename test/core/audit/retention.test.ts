// `audit.keep`: entries that are older go once a day, and the rest still verifies.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BelievedTime } from '../../../src/core/audit/believed-time.ts'
import { mayGoBeforeMs, pruneExpired, type RetentionParts } from '../../../src/core/audit/retention.ts'
import { enter } from '../../support/store/audit-log.ts'
import { dayMs, openCore, type TestCore } from '../../support/server/core.ts'

const auditKeepers = async () => []

/** Prunes by this core, and by what it was told to take instead. */
function pruning(core: TestCore, instead: Partial<RetentionParts> = {}) {
  const parts = { ...core, auditKeepers, believed: new BelievedTime(core), ...instead }
  return (keepDays: number | null) => pruneExpired(parts, keepDays)
}

test('entries beyond the retention are pruned once a day, and the log still verifies', async (t) => {
  const core = await openCore(t)
  await enter(core, 3)
  await core.audit.checkpoint()
  core.clock.pass(99.5 * dayMs)
  await enter(core, 2)
  assert.equal(await pruning(core)(null), false, 'nothing is pruned unless it is configured')
  assert.equal(await pruning(core)(99), false, 'less than a day is over')
  core.clock.pass(dayMs)
  assert.equal(await pruning(core)(99), true)
  const { entries } = await core.audit.list({ order: 'oldest', limit: 10 })
  assert.deepEqual(
    entries.map(({ body }) => (JSON.parse(body) as { action: string }).action),
    ['client.set', 'client.set', 'audit.prune'],
  )
  assert.equal(await pruning(core)(99), false)
  assert.equal((await core.audit.verify()).ok, true)
})

test('a clock that is years ahead for an hour makes nothing go', async (t) => {
  const core = await openCore(t)
  const prune = pruning(core)
  await enter(core, 1)
  assert.equal(await prune(90), false)
  core.clock.pass(4 * dayMs)
  core.clock.jump(1_000 * dayMs)
  await enter(core, 1)
  assert.equal(await prune(90), false)
  core.clock.jump(-1_000 * dayMs)
  assert.equal(await prune(90), false)
  core.clock.pass(92 * dayMs)
  assert.equal(await prune(90), true)
})

test('entries of a clock that was far ahead go with the old ones that were written after them, and not before', async (t) => {
  const core = await openCore(t)
  const prune = pruning(core)
  const times = async () => {
    const { entries } = await core.audit.list({ order: 'oldest', limit: 20 })
    return entries.map(({ body }) => (JSON.parse(body) as { atMs: number }).atMs)
  }
  core.clock.jump(10_000 * dayMs)
  await enter(core, 2)
  core.clock.jump(-10_000 * dayMs)
  await core.audit.checkpoint()
  await enter(core, 1)
  core.clock.pass(30 * dayMs)
  core.clock.jump(10_000 * dayMs)
  await enter(core, 1)
  core.clock.jump(-10_000 * dayMs)
  await enter(core, 1)
  const before = await times()
  assert.equal(before.length, 5)
  assert.equal(await prune(90), false)
  assert.deepEqual(await times(), before)
  core.clock.pass(62 * dayMs)
  assert.equal(await prune(90), true)
  assert.deepEqual(
    (await times()).slice(0, 2),
    before.slice(3),
    'when the one ahead was written, nobody knows yet',
  )
  assert.equal(await prune(90), false)
  core.clock.pass(30 * dayMs)
  assert.equal(await prune(90), true)
  assert.ok((await times()).every((atMs) => atMs > (before[4] ?? 0) && atMs <= core.clock.now()))
  assert.deepEqual((await core.audit.verify()).problems, [])
})

test('after a stop of months the log is pruned by the wall clock again, three days later', async (t) => {
  const core = await openCore(t)
  await enter(core, 1)
  // As recovery-clock.test.ts: of the time when the server was off a day counts.
  core.clock.jump(100 * dayMs)
  const prune = pruning(core)
  assert.equal(await prune(90), false)
  core.clock.pass(2 * dayMs)
  assert.equal(await prune(90), false)
  core.clock.pass(dayMs)
  assert.equal(await prune(90), true)
})

test('while another node prunes, this one does not', async (t) => {
  const core = await openCore(t)
  await enter(core, 1)
  core.clock.pass(3 * dayMs)
  const leases = { hold: () => Promise.resolve(undefined) }
  assert.equal(await pruning(core, { leases })(1), false)
  assert.equal((await core.audit.list({ order: 'oldest', limit: 10 })).entries.length, 1)
  assert.equal(await pruning(core)(1), true)
})

test('a node whose lease was taken while it prunes leaves that to the other one', async (t) => {
  const core = await openCore(t)
  await enter(core, 1)
  core.clock.pass(3 * dayMs)
  const hold: RetentionParts['leases']['hold'] = async (name) => {
    const lease = await core.leases.hold(name)
    const taken = { type: 'lease-returned', name, fence: lease?.fence ?? 0 } as const
    await core.store.commit({ writes: [taken], entries: [], durability: 'process' })
    return lease
  }
  assert.equal(await pruning(core, { leases: { hold } })(1), false)
  assert.equal((await core.audit.list({ order: 'oldest', limit: 10 })).entries.length, 1)
})

test('what a target of the log lacks stays, with a day before it', async (t) => {
  const core = await openCore(t)
  await enter(core, 2)
  await core.audit.checkpoint()
  const firstMs = core.clock.now()
  core.clock.pass(100 * dayMs)
  const behind = async () => [{ behindSinceMs: null }, { behindSinceMs: firstMs }]
  assert.equal(await pruning(core, { auditKeepers: behind })(90), false)
  assert.equal(await pruning(core)(90), true)
  assert.equal(mayGoBeforeMs(10 * dayMs, [{ behindSinceMs: 9 * dayMs }]), 8 * dayMs)
  assert.equal(
    mayGoBeforeMs(10 * dayMs, [{ behindSinceMs: null }, { behindSinceMs: 12 * dayMs }]),
    10 * dayMs,
  )
})
