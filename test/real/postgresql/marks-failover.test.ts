// A Destroy that no replica has confirmed is lost in a failover, or kept. Either way the marks stay whole for all nodes: no alarm,
// no gap, and the key is destroyed if and only if its mark is there.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { MarkCheck } from '../../../src/core/audit/mark-check.ts'
import { closes } from '../../../src/core/audit/marks.ts'
import { postgresReaders } from '../../../src/outside/store/postgres/readers.ts'
import type { ObjectRecord } from '../../../src/core/ports/objects.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { endWait, startPair, type Pair } from '../../support/postgresql/pair.ts'
import { clockByHand, openNode } from '../../support/postgresql/store.ts'
import { anchorKey, markKey } from '../../support/store/store-place.ts'
import { change, create, objectRecord, objectWrite } from '../../support/store/store-values.ts'
import { until } from '../../support/time/until.ts'

const leaseMs = 6_000

for (const how of ['without it', 'with it'] as const)
  test(`a Destroy that was not confirmed, and a replica that takes over ${how}: marks raise no alarm`, (t) =>
    takenOver(t, how))

async function takenOver(t: TestContext, how: 'with it' | 'without it'): Promise<void> {
  const pair = await startPair(t, 'ANY 1 (r1)', { fsync: 'off' })
  if (!pair) return
  const { primary, replica, wire } = pair
  const [one, two] = [await node(t, pair, 'one'), await node(t, pair, 'two')]
  for (const id of ['gone', 'unsure', 'later']) await create(one.store, objectRecord(id))
  await destroy(one, 'gone', 2)
  await two.check.check()
  // Each connection that reads is opened with a commit.
  for (let n = 0; n < postgresReaders; n++) await two.store.object('instance-1', 'gone')
  await wire.cut()
  const refused = assert.rejects(destroy(one, 'unsure', 2), /no replica has confirmed it/)
  await endWait(primary, 'pg_cancel_backend')
  await refused
  // It reads the mark, which is there while the primary lives.
  let isOver = false
  const looked = two.check
    .check()
    .catch(unlessAway)
    .finally(() => (isOver = true))
  const waits = `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'mortise'`
  await until(async () => isOver || (await primary.sql(waits)).rowCount === 1)
  if (how === 'with it') {
    await wire.mend()
    await until(() => [one, two].every(({ store }) => store.health().writable))
  }
  await primary.stop('immediate')
  await looked
  await replica.promote()
  for (const { store, name } of [one, two])
    await until(() => create(store, objectRecord(`after ${name}`)).then(() => true, unlessAway))
  for (const { store, check } of [one, two]) {
    await check.check()
    assert.deepEqual(check.findings, [])
    const mark = await store.mark('instance-1', 'unsure')
    const object = await store.object('instance-1', 'unsure')
    assert.equal(mark !== undefined && closes(mark), how === 'with it')
    assert.equal(object?.sealed === null, how === 'with it')
    assert.equal(object?.isPutBack, false)
  }
  if (how === 'without it') await destroy(two, 'unsure', 2)
  await destroy(one, 'later', 2)
  for (const { check } of [one, two]) {
    await check.check()
    assert.deepEqual(check.findings, [])
  }
  const marks = await one.store.marksAfter(0, 10)
  assert.deepEqual(
    marks.map(({ number, uniqueIdentifier }) => `${number} ${uniqueIdentifier}`),
    ['1 gone', '2 unsure', '3 later'],
  )
}

interface Node {
  readonly name: string
  readonly store: Awaited<ReturnType<typeof openNode>>
  readonly check: MarkCheck
}

/** Its heartbeats come with its commits alone. */
async function node(t: TestContext, { primary, replica, database }: Pair, name: string): Promise<Node> {
  const url = `postgres://mortise@127.0.0.1:${primary.port},127.0.0.1:${replica.port}/${database}`
  const store = await openNode(t, { url, node: name, leaseMs, clock: clockByHand().clock })
  store.openMarks(markKey)
  assert.equal((await store.anchor(anchorKey, { needed: true, mode: 'keep' })).state, 'new')
  const check = new MarkCheck({
    store,
    clock: systemClock,
    key: markKey,
    audit: { signedMarks: async () => null },
    anchored: null,
    alarm: assert.fail,
    onPutBack: () => assert.fail('nothing was put back'),
  })
  return { name, store, check }
}

function destroy({ store }: Node, id: string, version: number): Promise<void> {
  const record: ObjectRecord = objectRecord(id, {
    version,
    state: 'Destroyed',
    sealed: null,
    dataKeyId: null,
  })
  return store.commit(change([objectWrite(record)]))
}

function unlessAway(error: unknown): false {
  if (!(error instanceof StoreUnavailable)) throw error
  return false
}
