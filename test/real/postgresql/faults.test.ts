// What the store on PostgreSQL does when the database goes away and comes back, when two nodes write, and when a replica does
// not confirm: nothing that was answered is lost, nothing is done twice, and what nobody can know is not called done.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pruneAgainMs } from '../../../src/outside/store/bounds.ts'
import { postgresTurnMs } from '../../../src/outside/store/postgres/bounds.ts'
import { postgresReaders } from '../../../src/outside/store/postgres/readers.ts'
import { pruneLookEveryMs } from '../../../src/outside/store/postgres/writer.ts'
import { stopMs } from '../../../src/program/workers/process.ts'
import type { Clock } from '../../../src/core/ports/clock.ts'
import { StoreConflict, StoreUnavailable } from '../../../src/core/ports/store.ts'
import { turnLock } from '../../../src/outside/store/postgres/turn.ts'
import { FollowingClock, systemClock } from '../../../src/host/system-clock.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { endWait, setConfirming } from '../../support/postgresql/pair.ts'
import { clockByHand, openNode } from '../../support/postgresql/store.ts'
import { openWire } from '../../support/clients/proxy.ts'
import { until } from '../../support/time/until.ts'
import { allEntries, verifyChain } from '../../support/store/contract/audit.ts'
import { anchorKey, conflict } from '../../support/store/store-place.ts'
import {
  auditEntry,
  change,
  create,
  objectRecord,
  objectWrite,
  trustRow,
} from '../../support/store/store-values.ts'

const server = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t).then(resolve, reject))
})
after(() => server?.stop('immediate'))

const unavailable = (error: unknown) => error instanceof StoreUnavailable

if (server) {
  test('changes that were answered survive a crash of the database, and service resumes by itself', (t) =>
    crashes(t, server))
  test('two nodes: each change is done once or refused, and both audits verify', (t) => twoNodes(t, server))
  test('a process whose name another one took writes no more', (t) => sameName(t, server))
  test('a commit that no replica confirms is not acknowledged', (t) => unconfirmed(t, server))
  test('a commit whose answer was lost counts only once a replica has it', (t) => lostUnconfirmed(t, server))
  test('after the database lost commits, nothing is served, and a new start says so by the anchor', (t) =>
    setBack(t, server))
  test('a database that was set back and has as many commits is known by its audit log', (t) =>
    setBack(t, server, 'as many commits'))
  test('a node whose clock is five minutes off goes by that of the database, and says so', (t) =>
    wrongClock(t, server))
  test('an answer that was long on its way sets no clock back', (t) => lateAnswer(t, server))
  test('nor does one during which the clock of the machine was set', (t) => lateAnswer(t, server, 3_600_000))
  test('a read after the two clocks went apart goes by that of the database', (t) => clocksApart(t, server))
  test('a clock that jumps costs no read, and no beat: the database is asked for a new sign', (t) =>
    jumpingClock(t, server))
  test('the end of the connection that writes costs no read', (t) => writerEnds(t, server))
  test('a node that gets no turn when it connects again says why', (t) => noTurn(t, server))
  test('pruned entries that a node left are deleted by the next that starts', (t) => pruneLeft(t, server))
  test('pruned entries that a node left are deleted by another one that runs on', (t) =>
    pruneLeftBy(t, server))
  test('a prune reads no entry again and again, also where the database knows nothing about the table', (t) =>
    pruneReads(t))
  test('pruned entries that are not deleted yet are skipped and not read', (t) => prunedSkipped(t, server))
  test('pruned entries that cannot be deleted are tried again, once at a time', (t) => pruneFails(t, server))
  test('a row that cannot be read fails only the request that asked for it', (t) => damagedRow(t, server))
  test('a row on a bad sector of the database’s disk fails only the request that asked for it', (t) =>
    badSector(t, server))
  test('a store is closed also while the database hangs', (t) => closesHanging(t, server))
  test('settings with which the database may lose keys are found', (t) => settings(t, server))
  test('a database that does not answer is said so at once', async (t) => {
    const url = 'postgres://mortise@127.0.0.1:1/none'
    await assert.rejects(
      openNode(t, { url }),
      /no connection to postgres:\/\/mortise@127.0.0.1:1\/none.*nothing listens there: start PostgreSQL.*ECONNREFUSED/,
    )
  })
}

async function crashes(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const store = await openNode(t, { url })
  const answered: string[] = []
  const unknown = new Set<string>()
  const stop = new AbortController()
  const load = Array.from({ length: 8 }, async (_, client) => {
    for (let n = 0; !stop.signal.aborted; n++) {
      const id = `${client}-${n}`
      try {
        await create(store, objectRecord(id))
        answered.push(id)
      } catch (error) {
        assert.ok(unavailable(error), String(error))
        unknown.add(id)
        await sleep(20)
      }
    }
  })
  for (let round = 0; round < 3; round++) {
    const before = answered.length
    await until(() => answered.length > before + 50)
    await postgres.stop('immediate')
    await sleep(300)
    await postgres.start()
  }
  const before = answered.length
  await until(() => answered.length > before + 50)
  stop.abort()
  await Promise.all(load)
  for (const id of answered) assert.ok(await store.object('instance-1', id), `${id} is lost`)
  const entries = await allEntries(store, { order: 'oldest', limit: 1000 })
  verifyChain(entries)
  const objects = entries.map(({ body }) => (JSON.parse(body) as { object: string }).object)
  assert.equal(new Set(objects).size, objects.length, 'nothing was done twice')
  for (const id of objects) assert.ok(answered.includes(id) || unknown.has(id))
  assert.deepEqual(store.health(), { writable: true, reason: null, handsOut: true })
}

async function twoNodes(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const nodes = [await openNode(t, { url, node: 'a' }), await openNode(t, { url, node: 'b' })] as const
  await create(nodes[0], objectRecord('k'))
  let version = 1
  for (let round = 0; round < 20; round++) {
    const attempts = await Promise.allSettled(
      nodes.map((node) =>
        node.commit({
          expect: { objects: [{ instanceId: 'instance-1', uniqueIdentifier: 'k', version }] },
          writes: [objectWrite(objectRecord('k', { version: version + 1 }), [`name ${round}`])],
          entries: [auditEntry()],
          durability: 'disk',
        }),
      ),
    )
    assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const attempt of attempts)
      if (attempt.status === 'rejected') assert.ok(attempt.reason instanceof StoreConflict)
    version += 1
    for (const node of nodes) assert.equal((await node.object('instance-1', 'k'))?.version, version)
  }
  const named = nodes.map((node, n) => create(node, objectRecord(`named ${n}`), ['one name']))
  assert.equal((await Promise.allSettled(named)).filter(({ status }) => status === 'rejected').length, 1)
  await nodes[0].commit(change([trustRow('a')]))
  assert.equal(await nodes[1].trustVersion(), 1)
  await assert.rejects(
    nodes[1].commit(change([trustRow('b')], { expect: { trustVersion: 0 } })),
    conflict('trust'),
  )
  const entries = await allEntries(nodes[1], { order: 'oldest', limit: 100 })
  for (const { writer } of nodes) verifyChain(entries.filter((entry) => entry.writer === writer))
  assert.equal(entries.length, 1 + 20 + 1)
}

async function damagedRow(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const store = await openNode(t, { url })
  for (const id of ['whole', 'damaged']) await create(store, objectRecord(id))
  await postgres.sql(
    `UPDATE objects SET recoverable = material, due_ms = 1 WHERE unique_identifier = 'damaged'`,
    path.basename(url),
  )
  const [version, whole, damaged] = await Promise.allSettled([
    store.trustVersion(),
    store.object('instance-1', 'whole'),
    store.object('instance-1', 'damaged'),
  ])
  assert.equal(version.status, 'fulfilled')
  assert.ok(whole.status === 'fulfilled' && whole.value?.sealed)
  assert.match(String(damaged.status === 'rejected' && damaged.reason), /recoverableState is of a wrong type/)
}

async function closesHanging(t: TestContext, postgres: PostgresServer): Promise<void> {
  const store = await openNode(t, { url: await postgres.newDatabase() })
  await create(store, objectRecord('a'))
  for (let n = 0; n < postgresReaders; n++) await store.object('instance-1', 'a')
  const before = performance.now()
  postgres.pause()
  try {
    const enough = sleep(stopMs, 'late', { ref: false })
    assert.notEqual(await Promise.race([store.close(), enough]), 'late')
  } finally {
    postgres.resume()
  }
  assert.ok(performance.now() - before < stopMs)
}

async function badSector(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const troubles: string[] = []
  const store = await openNode(t, { url, onTrouble: (message) => void troubles.push(message) })
  for (const id of ['whole', 'damaged']) await create(store, objectRecord(id))
  // As PostgreSQL says that the disk does not give a block.
  await postgres.sql(
    `CREATE FUNCTION given(name text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
       IF name = 'damaged' THEN RAISE EXCEPTION 'could not read block 7' USING ERRCODE = '58030'; END IF;
       RETURN true;
     END $$;
     ALTER TABLE objects ENABLE ROW LEVEL SECURITY;
     ALTER TABLE objects FORCE ROW LEVEL SECURITY;
     CREATE POLICY given ON objects USING (given(unique_identifier))`,
    path.basename(url),
  )
  const [version, whole, damaged] = await Promise.allSettled([
    store.trustVersion(),
    store.object('instance-1', 'whole'),
    store.object('instance-1', 'damaged'),
  ])
  assert.ok(damaged.status === 'rejected' && unavailable(damaged.reason))
  assert.match(String(damaged.reason), /58030: could not read block 7/)
  assert.equal(version.status, 'fulfilled')
  assert.ok(whole.status === 'fulfilled' && whole.value?.sealed)
  await create(store, objectRecord('new'))
  assert.deepEqual(troubles, [])
}

async function sameName(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const [first, second] = [await openNode(t, { url, node: 'n' }), await openNode(t, { url, node: 'n' })]
  await assert.rejects(
    create(first, objectRecord('a')),
    /another process writes to the database as the node n/,
  )
  await create(second, objectRecord('a'))
}

/** Without beats, whose commits could wait for the replica in place of those of the test. */
const withoutBeats: Clock = { ...systemClock, every: () => ({ cancel: () => {} }) }

async function unconfirmed(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const store = await openNode(t, { url, clock: withoutBeats })
  await create(store, objectRecord('a'))
  await setConfirming(postgres, 'nobody')
  const refused = assert.rejects(create(store, objectRecord('b')), /no replica has confirmed it/)
  await endWait(postgres, 'pg_cancel_backend')
  await refused
  await setConfirming(postgres, '')
  await create(store, objectRecord('c'))
  assert.ok(await store.object('instance-1', 'b'), 'it was written all the same')
  verifyChain(await allEntries(store, { order: 'oldest', limit: 10 }))
}

/** The answer is lost, and the replica still lacks the change when the database answers again. */
async function lostUnconfirmed(t: TestContext, postgres: PostgresServer): Promise<void> {
  const store = await openNode(t, { url: await postgres.newDatabase(), clock: withoutBeats })
  await create(store, objectRecord('a'))
  await setConfirming(postgres, 'nobody')
  const refused = assert.rejects(create(store, objectRecord('b')), /it may have been done or not/)
  // The one that is ended may still be seen to wait when its successor does.
  const ended = await endWait(postgres, 'pg_terminate_backend')
  await endWait(postgres, 'pg_cancel_backend', ended)
  await refused
  assert.equal(store.health().writable, false)
  await setConfirming(postgres, '')
  await until(() => store.health().writable)
  await create(store, objectRecord('c'))
  assert.ok(await store.object('instance-1', 'b'), 'it was written all the same')
  verifyChain(await allEntries(store, { order: 'oldest', limit: 10 }))
}

async function writerEnds(t: TestContext, postgres: PostgresServer): Promise<void> {
  const troubles: string[] = []
  const url = await postgres.newDatabase()
  const onTrouble = (message: string) => void troubles.push(message)
  const store = await openNode(t, { url, clock: withoutBeats, onTrouble })
  await create(store, objectRecord('a'))
  const read = async () => {
    for (let n = 0; n < postgresReaders; n++) assert.ok(await store.object('instance-1', 'a'))
  }
  await read()
  await endWriter(postgres, url)
  await read()
  await create(store, objectRecord('b'))
  await read()
  assert.deepEqual(troubles, [])
}

async function endWriter(postgres: PostgresServer, url: string): Promise<void> {
  const ended = await postgres.sql(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '${path.basename(url)}' AND query = 'COMMIT'`,
  )
  assert.equal(ended.rows.length, 1)
}

async function noTurn(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const store = await openNode(t, { url, clock: withoutBeats })
  await create(store, objectRecord('a'))
  await endWriter(postgres, url)
  const heldMs = postgresTurnMs * 2
  const held = postgres.sql(`${turnLock}, pg_sleep(${heldMs / 1000})`, path.basename(url))
  const isHeld = `SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database WHERE locktype = 'advisory' AND datname = '${path.basename(url)}'`
  await until(async () => (await postgres.sql(isHeld)).rows.length > 0)
  await assert.rejects(create(store, objectRecord('b')), /55P03/)
  await held
  await create(store, objectRecord('c'))
}

async function wrongClock(t: TestContext, postgres: PostgresServer): Promise<void> {
  const late = { ...systemClock, now: () => Date.now() - 300_000 }
  const clock = new FollowingClock(late)
  const onClock = (aheadMs: number) => clock.follow(aheadMs)
  const store = await openNode(t, { url: await postgres.newDatabase(), clock: late, onClock })
  await create(store, objectRecord('a'))
  // This machine's own clock, which is also that of the database, is right.
  assert.ok(Math.abs(clock.now() - Date.now()) < 5_000)
  const facts = await store.databaseFacts()
  assert.ok(Math.abs((facts?.behindMs ?? 0) - 300_000) < 5_000)
}

async function lateAnswer(t: TestContext, postgres: PostgresServer, setMs = 0): Promise<void> {
  const url = new URL(await postgres.newDatabase())
  const wire = await openWire({ host: '127.0.0.1', port: postgres.port })
  t.after(() => wire[Symbol.asyncDispose]())
  url.port = String(wire.port)
  const wrongMs: number[] = []
  const turned = clockByHand()
  const { clock } = turned
  const following = new FollowingClock(clock)
  const onClock = (aheadMs: number) => {
    following.follow(aheadMs)
    wrongMs.push(following.now() - Date.now())
  }
  const store = await openNode(t, { url: url.href, clock, onClock })
  await create(store, objectRecord('a'))
  wire.holdAnswers()
  const made = create(store, objectRecord('b'))
  const answered = `SELECT 1 FROM pg_stat_activity WHERE datname = '${url.pathname.slice(1)}'
    AND state = 'idle in transaction' AND clock_timestamp() - state_change > interval '1 s'`
  await until(async () => (await postgres.sql(answered)).rows.length > 0)
  const before = wrongMs.length
  turned.aheadMs += setMs
  wire.release()
  await made
  assert.ok(before > 0 && wrongMs.length > before)
  for (const ms of wrongMs) assert.ok(Math.abs(ms) < 500, `${ms} ms`)
  const { behindMs } = (await store.databaseFacts()) ?? assert.fail('it is a server')
  assert.ok(Math.abs(behindMs + setMs) < 500, `${behindMs} ms`)
}

/** As after the machine slept, or the clock of the database was set. */
async function clocksApart(t: TestContext, postgres: PostgresServer): Promise<void> {
  const turned = clockByHand()
  const { clock } = turned
  const following = new FollowingClock(clock)
  const onClock = (aheadMs: number) => following.follow(aheadMs)
  const store = await openNode(t, { url: await postgres.newDatabase(), clock, onClock })
  await create(store, objectRecord('a'))
  turned.monotonicAheadMs += 3_600_000
  assert.ok(await store.object('instance-1', 'a'))
  assert.ok(Math.abs(following.now() - Date.now()) < 500)
}

async function jumpingClock(t: TestContext, postgres: PostgresServer): Promise<void> {
  const turned = clockByHand()
  const { clock, beats } = turned
  const troubles: string[] = []
  const onTrouble = (reason: string) => void troubles.push(reason)
  const store = await openNode(t, { url: await postgres.newDatabase(), clock, onTrouble })
  await create(store, objectRecord('a'))
  for (let jumps = 0; jumps < 20; jumps++) {
    const reading = store.object('instance-1', 'a')
    turned.aheadMs += 300_000
    assert.ok(await reading, 'a read that was on its way')
    turned.aheadMs += 300_000
    assert.ok(await store.object('instance-1', 'a'), 'the next read')
    turned.aheadMs += 300_000
    assert.equal(store.health().writable, false)
    beats[0]?.()
    await until(() => store.health().writable)
  }
  assert.equal(beats.length, 1)
  assert.deepEqual(troubles, [])
}

async function pruneLeft(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const left = await pruneAndEnd(postgres, url, await openNode(t, { url }))
  assert.ok((await left()) > 0, 'it ended in between')
  const other = await openNode(t, { url, node: 'another' })
  await until(async () => (await left()) === 0)
  // A target of the log that has these 2,000 gets what comes now, too.
  await other.commit(change([], { entries: [auditEntry()] }))
  assert.equal((await other.auditBehind(prunedEntries, 10)).length, 1)
}

const prunedEntries = 2_000

/** The node prunes entries and ends; how many are left then. */
async function pruneAndEnd(
  postgres: PostgresServer,
  url: string,
  store: Awaited<ReturnType<typeof openNode>>,
): Promise<() => Promise<number>> {
  await store.commit(change([], { entries: Array.from({ length: prunedEntries }, () => auditEntry()) }))
  const { heads: upTo } = await store.auditHeads()
  await store.commit(change([{ type: 'prune', checkpoint: 0, beforeMs: Date.now(), upTo }]))
  await store.close()
  return async () => {
    const { rows } = await postgres.sql('SELECT count(*) FROM audit', path.basename(url))
    return Number(rows[0]?.['count'])
  }
}

async function pruneLeftBy(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const looks: (() => void)[] = []
  const clock: Clock = {
    ...systemClock,
    after(delayMs, work) {
      if (delayMs !== pruneLookEveryMs) return systemClock.after(delayMs, work)
      looks.push(work)
      return { cancel: () => {} }
    },
  }
  const stays = await openNode(t, { url, node: 'stays', clock })
  await until(() => looks.length === 1)
  const ends = await openNode(t, { url, node: 'ends' })
  const left = await pruneAndEnd(postgres, url, ends)
  assert.ok((await left()) > 0, 'it ended in between')
  looks[0]?.()
  await until(async () => (await left()) === 0)
  await until(() => looks.length === 2)
  assert.ok(stays.health().writable)
}

/** How many entries of its indexes have been read, by sessions that have ended. */
async function entriesRead(postgres: PostgresServer, url: string): Promise<number> {
  const found = await postgres.sql(
    `SELECT sum(idx_tup_read) AS read FROM pg_stat_user_indexes WHERE relname = 'audit'`,
    path.basename(url),
  )
  return Number(found.rows[0]?.['read'])
}

async function prunedSkipped(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const name = path.basename(url)
  const ends = async (store: Awaited<ReturnType<typeof openNode>>) => {
    await store.close()
    const open = `SELECT 1 FROM pg_stat_activity WHERE datname = '${name}' AND usename = 'mortise'`
    await until(async () => (await postgres.sql(open)).rows.length === 0)
  }
  const store = await openNode(t, { url })
  await postgres.sql('REVOKE DELETE ON audit FROM mortise', name)
  await store.commit(change([], { entries: Array.from({ length: 10_000 }, () => auditEntry()) }))
  const { heads: upTo } = await store.auditHeads()
  await store.commit(change([{ type: 'prune', checkpoint: 0, beforeMs: Date.now(), upTo }]))
  const kept = auditEntry()
  await store.commit(change([], { entries: [kept] }))
  await ends(store)
  const next = await openNode(t, { url })
  const before = await entriesRead(postgres, url)
  assert.equal((await next.auditTimes()).oldestMs, kept.atMs)
  await ends(next)
  const read = (await entriesRead(postgres, url)) - before
  assert.ok(read < 5_000, `${read} entries of indexes read to find the oldest`)
}

async function pruneReads(t: TestContext): Promise<void> {
  const postgres = await startPostgres(t, { fsync: 'off', autovacuum: 'off' })
  assert.ok(postgres)
  t.after(() => postgres.remove())
  const url = await postgres.newDatabase()
  const [busy, quiet] = [await openNode(t, { url, node: 'busy' }), await openNode(t, { url, node: 'quiet' })]
  const enter = (store: typeof busy, count: number) =>
    store.commit(change([], { entries: Array.from({ length: count }, () => auditEntry()) }))
  const counts = [1, 5_000, 5_000, 5_000, 1]
  for (const count of counts) await enter(count === 1 ? quiet : busy, count)
  await quiet.close()
  const { heads: upTo } = await busy.auditHeads()
  const before = await entriesRead(postgres, url)
  await busy.commit(change([{ type: 'prune', checkpoint: 0, beforeMs: Date.now(), upTo }]))
  await until(
    async () => (await postgres.sql('SELECT 1 FROM audit LIMIT 1', path.basename(url))).rows.length === 0,
  )
  // A session tells what it has read when it ends, at the latest.
  await busy.close()
  const entries = counts.reduce((sum, count) => sum + count, 0)
  const read = (await entriesRead(postgres, url)) - before
  assert.ok(read < 3 * entries, `${read} entries of indexes read to remove ${entries}`)
}

async function pruneFails(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const name = path.basename(url)
  const attempts = new Set<() => void>()
  const clock: Clock = {
    ...systemClock,
    after(delayMs, work) {
      if (delayMs !== pruneAgainMs) return systemClock.after(delayMs, work)
      attempts.add(work)
      return { cancel: () => void attempts.delete(work) }
    },
  }
  const store = await openNode(t, { url, clock })
  await postgres.sql('REVOKE DELETE ON audit FROM mortise', name)
  for (let prunes = 0; prunes < 3; prunes++) {
    await store.commit(change([], { entries: [auditEntry()] }))
    const { heads: upTo } = await store.auditHeads()
    await store.commit(change([{ type: 'prune', checkpoint: 0, beforeMs: Date.now(), upTo }]))
    // The attempt to delete them is before this one.
    await store.commit(change([], { entries: [auditEntry()] }))
    assert.equal(attempts.size, 1)
  }
  await postgres.sql('GRANT DELETE ON audit TO mortise', name)
  for (const attempt of attempts) attempt()
  await until(async () => {
    const { rows } = await postgres.sql('SELECT count(*) FROM audit', name)
    return Number(rows[0]?.['count']) === 1
  })
}

async function settings(t: TestContext, postgres: PostgresServer): Promise<void> {
  const store = await openNode(t, { url: await postgres.newDatabase() })
  const { behindMs: _, ...facts } = (await store.databaseFacts()) ?? {}
  assert.deepEqual(facts, { unsafe: [], confirming: '', unconfirmed: null, unproven: [], hasTimeline: true })
  // A connection is read on only once a commit was confirmed that was begun after it was opened.
  for (let n = 0; n < postgresReaders; n++) await store.databaseFacts()
  const unconfirmed = async () => (await store.databaseFacts())?.unconfirmed ?? null
  // Without setConfirming, whose checkpoint may take longer than a node answers without a confirmed commit.
  await postgres.sql("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (nobody)'")
  await postgres.sql('SELECT pg_reload_conf()')
  await until(async () =>
    /no replica that must confirm .*nobody.* is connected/.test((await unconfirmed()) ?? ''),
  )
  await setConfirming(postgres, '')
  await until(async () => (await unconfirmed()) === null)
  await postgres.sql('ALTER SYSTEM SET full_page_writes = off')
  await postgres.sql('SELECT pg_reload_conf()')
  await until(async () => (await store.databaseFacts())?.unsafe.join() === 'full_page_writes = off')
  await postgres.sql('ALTER SYSTEM RESET full_page_writes')
  await postgres.sql('SELECT pg_reload_conf()')
}

async function setBack(t: TestContext, postgres: PostgresServer, how?: 'as many commits'): Promise<void> {
  const url = await postgres.newDatabase()
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-store-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const store = await openNode(t, { url, folder, clock: withoutBeats })
  assert.equal((await store.anchor(anchorKey, { needed: true, mode: 'keep' })).state, 'new')
  await create(store, objectRecord('a'))
  const name = path.basename(url)
  const copy = async (from: string, to: string) => {
    // The store connects again at once, and a database to which somebody is connected cannot be copied.
    await postgres.sql(`ALTER DATABASE ${from} ALLOW_CONNECTIONS false`)
    await postgres.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('${from}', '${to}') AND pid <> pg_backend_pid()`,
    )
    await postgres.sql(`DROP DATABASE IF EXISTS ${to} WITH (FORCE)`)
    await postgres.sql(`CREATE DATABASE ${to} TEMPLATE ${from} OWNER mortise`)
    await postgres.sql(`ALTER DATABASE ${from} ALLOW_CONNECTIONS true`)
  }
  await copy(name, `${name}_old`)
  await until(() => store.health().writable)
  await create(store, objectRecord('b'))
  if (how === 'as many commits') {
    const { rows } = await postgres.sql('SELECT commits FROM nodes', name)
    await postgres.sql(`UPDATE nodes SET commits = ${rows[0]?.['commits']}`, `${name}_old`)
  }
  await copy(`${name}_old`, name)
  await assert.rejects(create(store, objectRecord('c')), unavailable)
  await until(() => /it lost (?:the others|those)/.test(store.health().reason ?? ''))
  await assert.rejects(async () => store.object('instance-1', 'a'), /it lost/)
  await store.close()
  const again = await openNode(t, { url, folder })
  assert.equal((await again.anchor(anchorKey, { needed: false, mode: 'keep' })).state, 'older')
  const elsewhere = await openNode(t, { url, node: 'new' })
  const verdict = await elsewhere.anchor(anchorKey, { needed: true, mode: 'keep' })
  assert.equal(verdict.state, 'lacking', 'a node that lacks nothing of its own refuses too')
}
