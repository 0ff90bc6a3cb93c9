// Marks of destroyed keys on PostgreSQL: nodes that destroy at the same time, a node of the version before, connections that break
// in the midst of a commit, and rows that somebody puts back.

import assert from 'node:assert/strict'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { MarkCheck } from '../../../src/core/audit/mark-check.ts'
import { MarksWalk } from '../../../src/core/audit/marks-walk.ts'
import { closes } from '../../../src/core/audit/marks.ts'
import { isBack, neverBack } from '../../../src/core/ports/marks.ts'
import type { ObjectRecord } from '../../../src/core/ports/objects.ts'
import { StoreUnavailable, type Store } from '../../../src/core/ports/store.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { edit } from '../../support/server/core.ts'
import { openTalk } from '../../support/clients/kmip-talk.ts'
import { openNode } from '../../support/postgresql/store.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { keepRows } from '../../support/store/put-back.ts'
import { runCli, startEmbedded, type EmbeddedServer } from '../../support/server/server.ts'
import { anchorKey, markKey } from '../../support/store/store-place.ts'
import { change, create, objectRecord, objectWrite, waiting } from '../../support/store/store-values.ts'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-marks-'))
const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t).then(resolve, reject))
})
after(async () => {
  await postgres?.stop('immediate')
  rmSync(folder, { recursive: true, force: true })
})

if (postgres) {
  test('two nodes that destroy at the same time make one list', (t) => twoNodes(t, postgres))
  test('while a node of the version before runs, marks shut it out of nothing', (t) => older(t, postgres))
  test('however often connections break, a mark is there if its destruction is', (t) => breaking(t, postgres))
  test('rows that are put back are served by no node', (t) => putBack(t, postgres))
  test('a copy of the store, there and back, closes what was destroyed and nothing else', (t) =>
    copied(t, postgres))
}

async function node(t: TestContext, url: string, name: string) {
  const store = await openNode(t, { url, node: name })
  store.openMarks(markKey)
  const { state } = await store.anchor(anchorKey, { needed: false, mode: 'keep' })
  assert.equal(state, 'new')
  return store
}

function gone(id: string, version: number): ObjectRecord {
  return objectRecord(id, { version, state: 'Destroyed', sealed: null, dataKeyId: null })
}

async function walked(store: Store): Promise<MarksWalk> {
  const walk = new MarksWalk(markKey, await store.marksEnd())
  for (const mark of await store.marksAfter(0, 10_000)) walk.take(mark)
  return walk
}

async function twoNodes(t: TestContext, server: PostgresServer): Promise<void> {
  const url = await server.newDatabase()
  const nodes = [await node(t, url, 'one'), await node(t, url, 'two')] as const
  const ids = Array.from({ length: 60 }, (_, n) => `o${n}`)
  await nodes[0].commit(change(ids.map((id) => objectWrite(objectRecord(id)))))
  const destroy = (id: string, n: number) =>
    (nodes[n % 2] ?? nodes[0]).commit(change([objectWrite(gone(id, 2))]))
  await Promise.all(ids.map(destroy))
  for (const store of nodes) {
    const walk = await walked(store)
    assert.deepEqual([walk.findings(), walk.end?.number], [[], ids.length])
  }
  const ends = await Promise.all(
    nodes.map((store) => store.anchor(anchorKey, { needed: true, mode: 'look' })),
  )
  for (const verdict of ends) assert.equal(verdict.state, 'agrees')
}

/** As a node of a version that knows no marks is seen in the database. */
const signs = [
  `INSERT INTO nodes (name, run, commits) VALUES ('old', 'run of old', 0)`,
  `INSERT INTO node_signs (name, version, kmip, started_ms, seen_ms)
   VALUES ('old', '0.0.9', 'old:5696', 0, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)`,
]

async function older(t: TestContext, server: PostgresServer): Promise<void> {
  const url = await server.newDatabase()
  const sql = (text: string) => server.sql(text, path.basename(url))
  const store = await node(t, url, 'one')
  const check = new MarkCheck({
    store,
    clock: systemClock,
    key: markKey,
    audit: { signedMarks: async () => null },
    anchored: null,
    alarm: assert.fail,
    onPutBack: () => assert.fail('nothing was put back'),
  })
  const listed = async () =>
    (await store.marksAfter(0, 100)).map(({ uniqueIdentifier: id, dueMs }) => `${id} ${dueMs}`)
  for (const id of ['a', 'b', 'c', 'd']) await create(store, objectRecord(id))
  for (const sign of signs) await sql(sign)
  await store.commit(change([objectWrite(gone('a', 2)), objectWrite(waiting('b', 2, 50))]))
  await store.commit(change([objectWrite(waiting('c', 2, 60))]))
  // The older node destroys one, and brings one back.
  await sql(
    `UPDATE objects SET material = NULL, state = 'Destroyed', version = 2 WHERE unique_identifier = 'd'`,
  )
  await sql(`UPDATE objects SET material = recoverable, recoverable = NULL, recoverable_state = NULL, due_ms = NULL,
    state = 'Active', version = 3 WHERE unique_identifier = 'c'`)
  await check.complete()
  await check.check()
  assert.deepEqual(await listed(), [`a ${neverBack}`, `d ${neverBack}`])
  assert.equal((await store.object('instance-1', 'c'))?.isPutBack, false)
  assert.equal((await sql('SELECT 1 FROM least_version')).rows.length, 0)
  await sql('DELETE FROM node_signs')
  await check.complete()
  assert.deepEqual(await listed(), [`a ${neverBack}`, `d ${neverBack}`, 'b 50'])
  assert.equal((await sql(`SELECT 1 FROM least_version WHERE feature = 'marks'`)).rows.length, 1)
  await check.check()
  assert.deepEqual(check.findings, [])
  await store.commit(change([objectWrite(objectRecord('b', { version: 3 }))]))
  assert.equal((await store.mark('instance-1', 'b'))?.dueMs, isBack)
}

async function breaking(t: TestContext, server: PostgresServer): Promise<void> {
  const url = await server.newDatabase()
  const store = await node(t, url, 'one')
  const ids = Array.from({ length: 40 }, (_, n) => `o${n}`)
  for (const id of ids) await create(store, objectRecord(id))
  const over = new AbortController()
  const cut = async () => {
    while (!over.signal.aborted) {
      await server.sql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${path.basename(url)}'`,
      )
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 120))
    }
  }
  const cutting = cut()
  const committed: string[] = []
  const toAndFro = async (id: string) => {
    for (let n = 0; n < 6; n++) {
      const found = await trying(() => store.object('instance-1', id))
      assert.ok(found)
      const version = found.version + 1
      const next = found.sealed === null ? objectRecord(id, { version }) : waiting(id, version, 1_000 + n)
      await store.commit(change([objectWrite(next)])).then(() => committed.push(id), unlessAway)
    }
  }
  // Where every connection of the first rounds broke, no commit was confirmed, and there is nothing to compare.
  do await Promise.all(ids.map(toAndFro))
  while (committed.length === 0)
  over.abort()
  await cutting
  const walk = await trying(() => walked(store))
  assert.deepEqual(walk.findings(), [])
  assert.ok((walk.end?.number ?? 0) > 0)
  for (const id of ids) {
    const found = await store.object('instance-1', id)
    const mark = await store.mark('instance-1', id)
    assert.equal(mark !== undefined && closes(mark), found?.sealed === null, id)
    if (found?.recoverable) assert.equal(mark?.dueMs, found.recoverable.dueMs)
  }
}

function unlessAway(error: unknown): void {
  if (!(error instanceof StoreUnavailable)) throw error
}

async function trying<T>(work: () => T | Promise<T>): Promise<T> {
  for (;;)
    try {
      return await work()
    } catch (error) {
      unlessAway(error)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
}

async function putBack(t: TestContext, server: PostgresServer): Promise<void> {
  const url = await server.newDatabase()
  const start = async () => {
    const started = await startEmbedded({
      data: data('one'),
      env: { MORTISE_STORE: url, MORTISE_NODE: 'one' },
    })
    t.after(async () => started[Symbol.asyncDispose]())
    return started
  }
  const first = await start()
  const client = await first.issue('vcenter')
  const sql = (text: string) => server.sql(text, path.basename(url))
  const talkTo = (on: typeof first) => openTalk({ ...on.kmip, tls: client.tls })
  const talk = await talkTo(first)
  const [id, live] = [await talk.create(), await talk.create()]
  const back = await keepRows(sql, id)
  assert.ok((await talk.destroy(id)).ok)
  await back()
  assert.match((await talk.get(id)).message ?? '', /was destroyed/)
  assert.ok((await talk.get(live)).ok)
  assert.match(await tamperingOf(first), new RegExp(`does not open.*${id}`))
  talk.close()
  assert.equal(await first.stop(), 0)
  await sql('DELETE FROM marks')
  const second = await start()
  assert.match(await tamperingOf(second), /1 mark of a destroyed key was removed from the database/)
  assert.equal(await second.stop(), 0)
}

const data = (name: string) => path.join(folder, name)

async function copied(t: TestContext, server: PostgresServer): Promise<void> {
  const url = await server.newDatabase()
  const env = { MORTISE_STORE: url, MORTISE_NODE: 'copy' }
  const old = await startEmbedded({ data: data('old') })
  t.after(() => old[Symbol.asyncDispose]())
  const client = await old.issue('copied')
  assert.equal((await old.cli('instance', 'set', 'default', '--destroy-delay', '7d')).code, 0)
  const talk = await openTalk({ ...old.kmip, tls: client.tls })
  const ids = { live: await talk.create(), gone: await talk.create(), back: await talk.create() }
  for (const id of [ids.gone, ids.back]) assert.ok((await talk.destroy(id)).ok)
  assert.equal((await old.cli('key', 'undestroy', ids.back)).code, 0)
  talk.close()
  assert.equal(await old.stop(), 0)
  const steps = [
    { from: data('old'), to: url, place: data('node'), surroundings: env },
    { from: url, to: data('again'), place: data('again'), surroundings: {} },
  ] as const
  for (const { from, to, place, surroundings } of steps) {
    const made = await runCli(['store', 'copy', '--from', from, '--to', to])
    assert.equal(made.code, 0, made.stderr)
    mkdirSync(place, { recursive: true, mode: 0o700 })
    copyFileSync(path.join(data('old'), 'root.key'), path.join(place, 'root.key'))
    const accepted = await runCli(['restore-accept', '--data', place], surroundings)
    assert.equal(accepted.code, 0, accepted.stderr)
    const sql: (text: string) => unknown =
      place === data('again')
        ? (text) => edit(path.join(place, 'mortise.db'), text)
        : (text) => server.sql(text, path.basename(url))
    const copy = await startEmbedded({ data: place, env: surroundings })
    t.after(() => copy[Symbol.asyncDispose]())
    const asks = await openTalk({ ...copy.kmip, tls: client.tls })
    for (const id of [ids.live, ids.back]) assert.ok((await asks.get(id)).ok)
    assert.doesNotMatch(await tamperingOf(copy), /./)
    // As somebody has it who brings it back without the server.
    const before = await keepRows(sql, ids.gone)
    await sql(`UPDATE objects SET material = recoverable, state = 'Active', recoverable = NULL, recoverable_state = NULL, due_ms = NULL
      WHERE unique_identifier = '${ids.gone}'`)
    assert.match((await asks.get(ids.gone)).message ?? '', /was destroyed/)
    await before()
    asks.close()
    assert.equal(await copy.stop(), 0)
  }
}

async function tamperingOf(server: Pick<EmbeddedServer, 'json'>): Promise<string> {
  const { conditions } = (await server.json('status')) as { conditions: { id: string; message: string }[] }
  return conditions.flatMap(({ id, message }) => (id === 'tampering' ? [message] : [])).join()
}
