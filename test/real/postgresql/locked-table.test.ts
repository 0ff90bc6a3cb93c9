// An administrator's command that holds a table for long, as VACUUM FULL, REINDEX and ALTER TABLE do.

import assert from 'node:assert/strict'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { Client } from 'pg'
import { StoreUnavailable } from '../../../src/ports/store.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql.ts'
import { openNode } from '../../support/postgresql-store.ts'
import { allEntries } from '../../support/store-contract-audit.ts'
import { create, objectRecord } from '../../support/store-values.ts'

const server = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(() => server?.stop('immediate'))

if (server) {
  test('the audit log: a list of it fails in time, and objects are read meanwhile', (t) => audit(t, server))
  test('the objects: a read fails in time, and none waits on in the database', (t) => objects(t, server))
}

const isLocked = (error: unknown) =>
  error instanceof StoreUnavailable && error.why === 'busy' && error.message.includes('55P03')

async function lock(t: TestContext, url: string, table: string): Promise<Client> {
  const admin = new Client({ connectionString: url })
  await admin.connect()
  t.after(() => admin.end())
  await admin.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`)
  return admin
}

async function audit(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const troubles: string[] = []
  const store = await openNode(t, { url, onTrouble: (message) => void troubles.push(message) })
  await create(store, objectRecord('a'))
  const admin = await lock(t, url, 'audit')
  const stop = new AbortController()
  const listed = assert
    .rejects(allEntries(store, { order: 'oldest', limit: 10 }), isLocked)
    .finally(() => stop.abort())
  // Reads on one connection may wait behind the list.
  while (!stop.signal.aborted) assert.ok(await store.object('instance-1', 'a'))
  await listed
  await admin.query('COMMIT')
  assert.deepEqual(troubles, [])
}

async function objects(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const store = await openNode(t, { url })
  await create(store, objectRecord('a'))
  const admin = await lock(t, url, 'objects')
  await Promise.all([1, 2].map(() => assert.rejects(async () => store.object('instance-1', 'a'), isLocked)))
  const waits = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '${path.basename(url)}'`
  assert.deepEqual((await postgres.sql(waits)).rows, [])
  await admin.query('COMMIT')
  assert.ok(await store.object('instance-1', 'a'))
}
