// A replica takes the place of its primary. A node that is left alone with the old primary answers nothing once its heartbeat is
// too old, and never goes back to it; what was answered is on the new one, and the nodes go on there by themselves.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { postgresReaders } from '../../../src/outside/store/postgres/readers.ts'
import { StoreUnavailable, type Store } from '../../../src/core/ports/store.ts'
import type { PostgresServer } from '../../support/postgresql/server.ts'
import { clockByHand, openNode } from '../../support/postgresql/store.ts'
import { until } from '../../support/time/until.ts'
import { endWait, setConfirming, startPair, type Pair } from '../../support/postgresql/pair.ts'
import { allEntries, verifyChain } from '../../support/store/contract/audit.ts'
import { anchorKey } from '../../support/store/store-place.ts'
import { change, create, objectRecord, trustRow } from '../../support/store/store-values.ts'

const leaseMs = 2_000

test('an old primary that lost its replica answers nothing, and the nodes go on at the new one', isolated)
test(
  'a failover that lost commits: each node refuses to serve, also one that lacks nothing of its own',
  lostCommits,
)
for (const how of ['without it', 'with it'] as const)
  test(`a commit whose wait was cancelled, and a replica that takes over ${how}: all nodes go on`, (t) =>
    cancelledWait(t, how))
test('an anchor that is made behind a commit that no replica has confirmed does not name it', anchorBehind)
test('a confirmed commit that is lost stops all nodes, also behind it an unconfirmed one', lostBefore)
for (const [lag, says] of [
  ['lost a key', 'is named, and when it comes back all nodes know of the loss'],
  ['lost nothing', 'is named until it comes back'],
  ['cannot have lost anything', 'is not named'],
] as const)
  test(`a node that ends in a failover that ${lag} ${says}`, (t) => neverReturns(t, lag))
test('a node that changed over without losing a connection reads where it writes', readsWhereItWrites)

async function isolated(t: TestContext): Promise<void> {
  const pair = await startPair(t, 'ANY 1 (r1)', { fsync: 'off' })
  if (!pair) return
  const { primary, replica, wire, database } = pair
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-store-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const url = (...servers: PostgresServer[]) =>
    `postgres://mortise@${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${database}`
  const left = await openNode(t, { url: url(primary), node: 'left', leaseMs, folder })
  assert.equal((await left.anchor(anchorKey, { needed: true, mode: 'keep' })).state, 'new')
  const both = await openNode(t, { url: url(primary, replica), node: 'both', leaseMs })
  const load = [keepCreating(left, 'l'), keepCreating(both, 'b')]
  await until(() => load.every(({ answered }) => answered.length > 20))

  await wire.cut()
  const cutAt = performance.now()
  // When each was looked at last and answered: this process may stand still for a while.
  let answeredAt = cutAt
  await until(() => {
    const lookedAt = performance.now()
    const isSilent = !left.health().writable && !both.health().writable
    if (!isSilent) answeredAt = lookedAt
    return isSilent
  })
  assert.ok(answeredAt - cutAt < leaseMs + 1_000, 'soon after the lease')
  const known = load[0]?.answered[0] ?? ''
  await assert.rejects(async () => left.object('instance-1', known), unavailable)
  await assert.rejects(async () => left.trustVersion(), unavailable)
  assert.match(left.health().reason ?? '', /no commit|reach it again|it may have been done|last commit/)

  await replica.promote()
  await until(() => both.health().writable)
  const [before] = [load[1]?.answered.length ?? 0]
  await until(() => (load[1]?.answered.length ?? 0) > before + 20)
  await both.commit(change([trustRow('withdrawn')]))
  assert.equal(left.health().writable, false, 'the node that only reaches the old primary serves nothing')
  await assert.rejects(async () => left.object('instance-1', known), unavailable)
  for (const one of load) await one.stop()
  const answered = load.flatMap((one) => one.answered)
  for (const id of answered) assert.ok(await both.object('instance-1', id), `${id} is lost`)
  verifyChain(
    (await allEntries(both, { order: 'oldest', limit: 1000 })).filter((one) => one.writer === both.writer),
  )

  // The same node, once it reaches the new primary; then it refuses the old one for good.
  await left.close()
  const again = await openNode(t, { url: url(primary, replica), node: 'left', leaseMs, folder })
  assert.equal((await again.anchor(anchorKey, { needed: true, mode: 'keep' })).state, 'agrees')
  assert.ok(await again.object('instance-1', known))
  await create(again, objectRecord('after'))
  await replica.stop('immediate')
  await until(() => /old primary that a replica has replaced/.test(again.health().reason ?? ''))
  await assert.rejects(async () => again.object('instance-1', known), unavailable)
  await again.close()
  await setConfirming(primary, '')
  const old = await openNode(t, { url: url(primary), node: 'left', leaseMs, folder })
  const verdict = await old.anchor(anchorKey, { needed: true, mode: 'keep' })
  assert.equal(verdict.state, 'older')
  assert.match(
    verdict.state === 'older' ? verdict.findings.join() : '',
    /timeline 1, and was on 2: it is an old primary/,
  )
}

/** Without a confirmation. */
async function lostCommits(t: TestContext): Promise<void> {
  const pair = await startPair(t, '', { fsync: 'off' })
  if (!pair) return
  const { primary, replica, wire, database } = pair
  const url = `postgres://mortise@127.0.0.1:${primary.port},127.0.0.1:${replica.port}/${database}`
  const writing = await openNode(t, { url, node: 'writing', leaseMs })
  const other = await openNode(t, { url, node: 'other', leaseMs })
  await create(writing, objectRecord('kept'))
  const arrived = () => replica.sql('SELECT 1 FROM objects', database).then(({ rowCount }) => rowCount === 1)
  await until(() => arrived().catch(() => false))
  await wire.cut()
  await create(writing, objectRecord('lost'))
  await primary.stop('immediate')
  await replica.promote()
  await until(() => /it lost the others/.test(writing.health().reason ?? ''))
  await until(() => /another node was answered commits|it lost the others/.test(other.health().reason ?? ''))
  for (const store of [writing, other])
    await assert.rejects(async () => store.object('instance-1', 'kept'), /lost/)
}

/** Each node has one commit that no replica has confirmed. */
async function cancelledWait(t: TestContext, how: 'with it' | 'without it'): Promise<void> {
  const pair = await startPair(t, 'ANY 1 (r1)', { fsync: 'off' })
  if (!pair) return
  const { primary, replica, wire, database } = pair
  const url = `postgres://mortise@127.0.0.1:${primary.port},127.0.0.1:${replica.port}/${database}`
  const nodes = await Promise.all(
    ['one', 'two'].map(async (node) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'mortise-store-'))
      t.after(() => rm(folder, { recursive: true, force: true }))
      return { node, folder }
    }),
  )
  const open = ({ node, folder }: (typeof nodes)[number]) =>
    // Without beats: the commits that wait are those of the test.
    openNode(t, { url, node, folder, leaseMs, clock: clockByHand().clock })
  const stores: Awaited<ReturnType<typeof open>>[] = []
  for (const node of nodes) {
    const store = await open(node)
    assert.equal((await store.anchor(anchorKey, { needed: true, mode: 'keep' })).state, 'new')
    await create(store, objectRecord(`kept ${node.node}`))
    stores.push(store)
  }
  await wire.cut()
  for (const [index, store] of stores.entries()) await createUnconfirmed(pair, store, `unconfirmed ${index}`)
  if (how === 'with it') {
    await wire.mend()
    await until(() => stores.every((store) => store.health().writable))
  }
  await primary.stop('immediate')
  await replica.promote()
  for (const [index, store] of stores.entries()) {
    const known = `after ${index}`
    await until(() => create(store, objectRecord(known)).then(() => true, assertUnavailable))
    assert.ok(await store.object('instance-1', known))
    assert.ok(await store.object('instance-1', 'kept one'))
    const isThere = (await store.object('instance-1', `unconfirmed ${index}`)) !== undefined
    assert.equal(isThere, how === 'with it')
  }
  const [first] = stores
  const entries = await allEntries(first ?? assert.fail(), { order: 'oldest', limit: 1000 })
  for (const { writer } of stores) verifyChain(entries.filter((one) => one.writer === writer))
  for (const store of stores) await store.close()
  for (const node of nodes) {
    const again = await open(node)
    assert.equal((await again.anchor(anchorKey, { needed: true, mode: 'keep' })).state, 'agrees')
  }
}

/** A store that was opened prunes its audit log beside other work: that commit is done now, and waits for no replica later. */
async function endsOwnWork(store: Store): Promise<void> {
  await create(store, objectRecord('behind its own work'))
}

function assertUnavailable(error: unknown): false {
  assert.ok(unavailable(error), String(error))
  return false
}

/** The primary has it, and no replica. */
async function createUnconfirmed({ primary }: Pair, store: Store, id: string): Promise<void> {
  const refused = assert.rejects(create(store, objectRecord(id)), /no replica has confirmed it/)
  await endWait(primary, 'pg_cancel_backend')
  await refused
  assert.equal(store.health().writable, false)
}

async function anchorBehind(t: TestContext): Promise<void> {
  const pair = await startPair(t, 'ANY 1 (r1)', { fsync: 'off' })
  if (!pair) return
  const { primary, replica, wire, database } = pair
  const url = `postgres://mortise@127.0.0.1:${primary.port},127.0.0.1:${replica.port}/${database}`
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-store-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const open = (node: string) =>
    openNode(t, { url, node, leaseMs, clock: clockByHand().clock, folder: path.join(folder, node) })
  const [one, two] = [await open('one'), await open('two')]
  await create(one, objectRecord('kept'))
  await endsOwnWork(two)
  await wire.cut()
  await createUnconfirmed(pair, one, 'unconfirmed')
  const refused = assert.rejects(two.anchor(anchorKey, { needed: true, mode: 'keep' }), unavailable)
  await endWait(primary, 'pg_cancel_backend')
  await refused
  await primary.stop('immediate')
  await replica.promote()
  await two.close()
  const again = await open('two')
  assert.equal((await again.anchor(anchorKey, { needed: true, mode: 'keep' })).state, 'new')
  assert.ok(await again.object('instance-1', 'kept'))
}

async function lostBefore(t: TestContext): Promise<void> {
  const pair = await startPair(t, 'ANY 1 (r1)', { fsync: 'off' })
  if (!pair) return
  const { primary, replica, wire, database } = pair
  const url = `postgres://mortise@127.0.0.1:${primary.port},127.0.0.1:${replica.port}/${database}`
  const writing = await openNode(t, { url, node: 'writing', leaseMs, clock: clockByHand().clock })
  await create(writing, objectRecord('kept'))
  const turned = clockByHand()
  const other = await openNode(t, { url, node: 'other', leaseMs, clock: turned.clock })
  await endsOwnWork(other)
  await wire.cut()
  await setConfirming(primary, '')
  await create(writing, objectRecord('lost'))
  await setConfirming(primary, 'ANY 1 (r1)')
  await createUnconfirmed(pair, writing, 'unconfirmed')
  await primary.stop('immediate')
  await replica.promote()
  await until(() => /it lost the others/.test(writing.health().reason ?? ''))
  await until(() => {
    for (const beat of turned.beats) beat()
    return /another node was answered commits|it lost the others/.test(other.health().reason ?? '')
  })
  for (const store of [writing, other])
    await assert.rejects(async () => store.object('instance-1', 'kept'), /lost/)
}

type Lag = 'lost a key' | 'lost nothing' | 'cannot have lost anything'

async function neverReturns(t: TestContext, lag: Lag): Promise<void> {
  const pair = await startPair(t, lag === 'cannot have lost anything' ? 'ANY 1 (r1)' : '', { fsync: 'off' })
  if (!pair) return
  const { primary, replica, wire, database } = pair
  const url = `postgres://mortise@127.0.0.1:${primary.port},127.0.0.1:${replica.port}/${database}`
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-store-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const openGone = () => openNode(t, { url, node: 'gone', leaseMs, folder })
  const stays = await openNode(t, { url, node: 'stays', leaseMs, clock: clockByHand().clock })
  const gone = await openGone()
  assert.equal((await gone.anchor(anchorKey, { needed: true, mode: 'keep' })).state, 'new')
  await create(gone, objectRecord('kept'))
  const arrived = () => replica.sql('SELECT 1 FROM objects', database).then(({ rowCount }) => rowCount === 1)
  await until(() => arrived().catch(() => false))
  if (lag === 'lost a key') {
    await wire.cut()
    await create(gone, objectRecord('lost'))
  }
  await primary.stop('immediate')
  // What it says at its end reaches no server.
  await gone.close()
  await replica.promote()
  await until(() => create(stays, objectRecord('after')).then(() => true, assertUnavailable))
  assert.ok(await stays.object('instance-1', 'kept'))
  const unproven = async () => (await stays.databaseFacts())?.unproven.map(({ node }) => node)
  assert.deepEqual(await unproven(), lag === 'cannot have lost anything' ? [] : ['gone'])
  const again = await openGone()
  const { state } = await again.anchor(anchorKey, { needed: true, mode: 'keep' })
  if (lag === 'lost a key') {
    assert.equal(state, 'older')
    await assert.rejects(create(stays, objectRecord('more')), /another node was answered commits/)
  } else {
    assert.equal(state, 'agrees')
    assert.deepEqual(await unproven(), [])
  }
}

/** The old primary takes no change any more, as on a full disk, and answers reads as before. */
async function readsWhereItWrites(t: TestContext): Promise<void> {
  const pair = await startPair(t, 'ANY 1 (r1)', { fsync: 'off' })
  if (!pair) return
  const { primary, replica, database } = pair
  const url = `postgres://mortise@127.0.0.1:${primary.port},127.0.0.1:${replica.port}/${database}`
  const turned = clockByHand()
  const store = await openNode(t, { url, clock: turned.clock })
  await create(store, objectRecord('before'))
  for (let n = 0; n < postgresReaders; n++) assert.ok(await store.object('instance-1', 'before'))
  await primary.sql(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF inet_server_port() = ${primary.port} THEN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END IF;
       RETURN NEW;
     END $$;
     CREATE TRIGGER refuse BEFORE UPDATE ON nodes FOR EACH ROW EXECUTE FUNCTION refuse()`,
    database,
  )
  await replica.promote()
  turned.aheadMs = 300_000
  for (const beat of turned.beats) beat()
  await until(() => store.health().writable)
  await create(store, objectRecord('after'))
  await until(async () => {
    const found = await Promise.resolve(store.object('instance-1', 'after')).catch((error: unknown) => {
      assert.ok(unavailable(error), String(error))
      return 'refused'
    })
    assert.ok(found, 'what was answered is read')
    return found !== 'refused'
  })
}

interface Load {
  readonly answered: readonly string[]
  stop(): Promise<void>
}

/** Creates one object after the other, until it is stopped. */
function keepCreating(store: Store, name: string): Load {
  const answered: string[] = []
  const stopped = new AbortController()
  const work = (async () => {
    for (let n = 0; !stopped.signal.aborted; n++)
      try {
        await create(store, objectRecord(`${name}${n}`))
        answered.push(`${name}${n}`)
      } catch (error) {
        assert.ok(unavailable(error), String(error))
        await sleep(20)
      }
  })()
  return {
    answered,
    stop() {
      stopped.abort()
      return work
    },
  }
}

function unavailable(error: unknown): boolean {
  return error instanceof StoreUnavailable
}
