// An administrator's command that holds a table for long, as VACUUM FULL, REINDEX and ALTER TABLE do.

import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { openNode } from '../../support/postgresql/store.ts'
import { allEntries } from '../../support/store/contract/audit.ts'
import { auditEntry, create, objectRecord } from '../../support/store/store-values.ts'
import { until } from '../../support/time/until.ts'

const server = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(() => server?.stop('immediate'))

if (server) {
  test('the audit log: a list of it fails in time, and objects are read meanwhile', (t) => audit(t, server))
  test('the audit log: two nodes go on to serve, and the lock and its holder are named', (t) =>
    goesOn(t, server))
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

/** Everything that a node does for Gets goes on for a minute: its heartbeat, and the records of reads. */
async function goesOn(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const troubles: string[] = []
  const onTrouble = (message: string) => void troubles.push(message)
  const stores = await Promise.all(['one', 'two'].map((node) => openNode(t, { url, node, onTrouble })))
  const [first] = stores
  assert.ok(first)
  await create(first, objectRecord('a'))
  for (const store of stores) await store.openAccessLog(createSecretKey(randomBytes(32)))
  const admin = await lock(t, url, 'audit')
  const pid = String((await admin.query('SELECT pg_backend_pid() AS pid')).rows[0].pid)
  const changed = assert.rejects(create(first, objectRecord('b')), (error) => {
    assert.ok(error instanceof StoreUnavailable && error.why === 'busy')
    assert.match(
      error.message,
      /^the table audit is locked \(AccessExclusiveLock\) by process \d+ of PostgreSQL, .*role /,
    )
    assert.ok(error.message.includes(`process ${pid} `))
    return true
  })
  // Longer than the lease of the nodes and than any wait for a turn.
  const endMs = performance.now() + 20_000
  while (performance.now() < endMs) {
    for (const store of stores) {
      assert.ok(await store.object('instance-1', 'a'))
      await store.record({ entries: [auditEntry({ object: 'a' })], fetched: [] })
    }
    await sleep(50)
  }
  await changed
  assert.match(first.health().reason ?? '', /the table audit is locked/)
  assert.equal(first.health().handsOut, true)
  assert.match(
    troubles.join('\n'),
    new RegExp(`cannot be moved .*the table audit is locked .*process ${pid} `),
  )
  assert.doesNotMatch(troubles.join('\n'), /has confirmed no commit/)
  await admin.query('COMMIT')
  await until(() => first.health().writable)
  await create(first, objectRecord('b'))
}
