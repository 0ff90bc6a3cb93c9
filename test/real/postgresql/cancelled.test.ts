// A statement that PostgreSQL cancels, as an administrator or a timeout has it do, whichever of a transaction it is.

import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import path from 'node:path'
import { Client } from 'pg'
import type { Clock } from '../../../src/core/ports/clock.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { openNode } from '../../support/postgresql/store.ts'
import { openWire } from '../../support/clients/proxy.ts'
import { allEntries, verifyChain } from '../../support/store/contract/audit.ts'
import { create, objectRecord } from '../../support/store/store-values.ts'
import { until } from '../../support/time/until.ts'

const server = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(() => server?.stop('immediate'))

if (server) {
  test('the one that begins it: nothing behind it is done by itself, and the next change is', (t) =>
    first(t, server))
  test('the last one before its end: the change is refused as what it is, and not done', (t) =>
    last(t, server))
}

const withoutBeats: Clock = { ...systemClock, every: () => ({ cancel: () => {} }) }

/** The server refuses a word that it does not know before it begins anything, as where it is cancelled then. */
async function first(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = new URL(await postgres.newDatabase())
  const wire = await openWire({ host: '127.0.0.1', port: postgres.port })
  t.after(() => wire[Symbol.asyncDispose]())
  url.port = String(wire.port)
  const store = await openNode(t, { url: url.href, clock: withoutBeats })
  await create(store, objectRecord('a'))
  wire.replaceOnce('BEGIN', 'BEGUN')
  await assert.rejects(create(store, objectRecord('b')), /BEGUN/)
  await create(store, objectRecord('c'))
  await until(() => store.health().writable)
  assert.equal(await store.object('instance-1', 'b'), undefined)
  const entries = await allEntries(store, { order: 'oldest', limit: 10 })
  verifyChain(entries)
  assert.equal(entries.length, 2)
}

async function last(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const store = await openNode(t, { url, clock: withoutBeats })
  await create(store, objectRecord('a'))
  const other = new Client({ connectionString: url })
  await other.connect()
  await other.query('BEGIN; LOCK TABLE checkpoints IN ACCESS EXCLUSIVE MODE')
  const refused = assert.rejects(
    create(store, objectRecord('b')),
    (error) => error instanceof StoreUnavailable && error.why === 'busy' && /57014/.test(error.message),
  )
  const cancel = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '${path.basename(url)}'`
  await until(async () => (await postgres.sql(cancel)).rows.length > 0)
  await refused
  await other.end()
  await create(store, objectRecord('c'))
  assert.equal(await store.object('instance-1', 'b'), undefined)
}
