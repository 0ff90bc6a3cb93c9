// What an administrator of PostgreSQL may have set as the default of a database or a role changes nothing that a node promises.

import assert from 'node:assert/strict'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { Client } from 'pg'
import { postgresReaders } from '../../../src/outside/store/postgres/readers.ts'
import type { Clock } from '../../../src/core/ports/clock.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { openPostgresDump } from '../../../src/outside/store/postgres/dump.ts'
import { postgresLoader } from '../../../src/outside/store/postgres/load.ts'
import { turnLock } from '../../../src/outside/store/postgres/turn.ts'
import { parsePostgresUrl } from '../../../src/outside/store/postgres/url.ts'
import { dumpedObject } from '../../support/store/backup-files.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { setConfirming } from '../../support/postgresql/pair.ts'
import { openNode } from '../../support/postgresql/store.ts'
import { conflict } from '../../support/store/store-place.ts'
import { change, create, objectRecord, trustRow } from '../../support/store/store-values.ts'
import { until } from '../../support/time/until.ts'

const server = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(() => server?.stop('immediate'))

if (server) {
  test('bytea_output = escape: bytes are read as they were written', (t) => escaped(t, server))
  test('default_transaction_isolation: a change is decided on what holds when its turn comes', (t) =>
    isolation(t, server))
  test('client_min_messages: a commit that no replica confirms is still not acknowledged', (t) =>
    quiet(t, server))
  test('idle_in_transaction_session_timeout: a restore, a copy and a backup take their time', () =>
    patience(server))
  test('idle_session_timeout: the first read after a pause is answered', (t) => idle(t, server))
  test('a role that may not use the sequences: objects get their ids from the tables', (t) =>
    withoutSequences(t, server))
  test('too few connections: a node reads on those that it has', (t) => few(t, server))
}

/** A disk or a root key's service may hold up whoever reads or writes all of the database. */
async function patience(postgres: PostgresServer): Promise<void> {
  const url = await databaseWith(postgres, `idle_in_transaction_session_timeout = '200ms'`)
  const connecting = { place: parsePostgresUrl(url), passwordFile: null }
  const mayEnd = () => until(async () => (await postgres.sql(isIdle(url))).rows.length > 0)
  async function* pages() {
    await mayEnd()
    yield [dumpedObject('a')]
    await mayEnd()
  }
  await postgresLoader(connecting, 1)(pages(), [])
  const dump = await openPostgresDump(connecting)
  await mayEnd()
  let objects = 0
  for await (const page of dump.pages()) {
    objects += page.filter(({ type }) => type === 'object').length
    await mayEnd()
  }
  await dump.close()
  assert.equal(objects, 1)
}

/** Its transaction has waited for longer than the timeout, or was ended for that. */
const isIdle = (url: string) => `
  SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '${path.basename(url)}'
    AND NOT (state = 'idle in transaction' AND clock_timestamp() - state_change > interval '400 ms'))`

/** Without beats, whose commits could come between those of the test. */
const withoutBeats: Clock = { ...systemClock, every: () => ({ cancel: () => {} }) }

async function databaseWith(postgres: PostgresServer, setting: string): Promise<string> {
  const url = await postgres.newDatabase()
  await postgres.sql(`ALTER DATABASE ${path.basename(url)} SET ${setting}`)
  return url
}

/** As where another role made the tables, and granted those alone. */
async function withoutSequences(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const store = await openNode(t, { url })
  await create(store, objectRecord('before'))
  for (const sequence of ['objects_sequence_seq', 'material_id_seq'])
    await postgres.sql(`REVOKE ALL ON SEQUENCE ${sequence} FROM mortise`, path.basename(url))
  await Promise.all(['a', 'b'].map((id) => create(store, objectRecord(id))))
  for (const id of ['before', 'a', 'b'])
    assert.deepEqual((await store.object('instance-1', id))?.sealed, objectRecord(id).sealed)
}

async function escaped(t: TestContext, postgres: PostgresServer): Promise<void> {
  const store = await openNode(t, { url: await databaseWith(postgres, `bytea_output = 'escape'`) })
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  for (const [index, sealed] of [all, Buffer.from('\\x41'), Buffer.from('\\\\'), Buffer.alloc(0)].entries()) {
    await create(store, objectRecord(`k${index}`, { sealed }))
    const found = await store.object('instance-1', `k${index}`)
    assert.deepEqual(Buffer.from(found?.sealed ?? []), sealed)
  }
}

async function isolation(t: TestContext, postgres: PostgresServer): Promise<void> {
  for (const level of ['repeatable read', 'serializable']) {
    const url = await databaseWith(postgres, `default_transaction_isolation = '${level}'`)
    const store = await openNode(t, { url, clock: withoutBeats })
    await store.commit(change([trustRow('a')]))
    const trustVersion = await store.trustVersion()
    const other = new Client({ connectionString: url })
    await other.connect()
    await other.query('BEGIN')
    await other.query(turnLock)
    const stale = assert.rejects(store.commit(change([], { expect: { trustVersion } })), conflict('trust'))
    const waits = `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = '${path.basename(url)}'`
    await until(async () => (await postgres.sql(waits)).rows.length > 0)
    await other.query(`UPDATE meta SET value = value + 1 WHERE key = 'trust_version'`)
    await other.query('COMMIT')
    await other.end()
    await stale
  }
}

async function quiet(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await databaseWith(postgres, `client_min_messages = 'error'`)
  const store = await openNode(t, { url, clock: withoutBeats })
  await create(store, objectRecord('a'))
  await setConfirming(postgres, 'nobody')
  const refused = assert.rejects(create(store, objectRecord('b')), /no replica has confirmed it/)
  const cancel = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'mortise'`
  await until(async () => (await postgres.sql(cancel)).rows.length > 0)
  await refused
  await setConfirming(postgres, '')
}

async function idle(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await databaseWith(postgres, `idle_session_timeout = '1s'`)
  const troubles: string[] = []
  const store = await openNode(t, {
    url,
    onTrouble: (message) => void troubles.push(message),
    leaseMs: 2_000,
  })
  await create(store, objectRecord('a'))
  for (let n = 0; n < postgresReaders; n++) assert.ok(await store.object('instance-1', 'a'))
  const sessions = `SELECT 1 FROM pg_stat_activity WHERE datname = '${path.basename(url)}'`
  await until(async () => (await postgres.sql(sessions)).rows.length === 1)
  assert.ok(await store.object('instance-1', 'a'))
  assert.deepEqual(troubles, [])
}

async function few(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  await postgres.sql(`ALTER DATABASE ${path.basename(url)} CONNECTION LIMIT 3`)
  const troubles: string[] = []
  const store = await openNode(t, { url, onTrouble: (message) => void troubles.push(message) })
  await create(store, objectRecord('a'))
  for (let n = 0; n < 50; n++) assert.ok(await store.object('instance-1', 'a'))
  assert.deepEqual(troubles, [])
}
