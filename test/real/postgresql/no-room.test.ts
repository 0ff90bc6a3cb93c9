// A database without room is told as such, whichever statement meets that first, and whatever was sent behind it.

import assert from 'node:assert/strict'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import type { Clock } from '../../../src/core/ports/clock.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { postgresLoader } from '../../../src/outside/store/postgres/load.ts'
import { parsePostgresUrl } from '../../../src/outside/store/postgres/url.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { openNode } from '../../support/postgresql/store.ts'
import { auditEntry, change, create, objectRecord, objectWrite } from '../../support/store/store-values.ts'

const server = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(() => server?.stop('immediate'))

if (server) {
  for (const table of ['nodes', 'objects', 'material', 'audit', 'writers'])
    test(`a change, at the table ${table}`, (t) => changes(t, server, table))
  for (const table of ['objects', 'material', 'object_index', 'names', 'audit', 'object_counts'])
    test(`a change that fails unheard at the table ${table} is not done, also where one behind it meets a conflict`, (t) =>
      besideConflict(t, server, table))
  test('a change beside one that fails is not refused for what that one would have made', (t) =>
    nameNotTaken(t, server))
  test('a restore or a copy, which makes no store', () => loads(server))
}

const withoutBeats: Clock = { ...systemClock, every: () => ({ cancel: () => {} }) }

const noRoom = `
  CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$;`
const onTable = (table: string) =>
  `CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION no_room()`

const isFull = (error: unknown) =>
  error instanceof StoreUnavailable && error.why === 'full' && /53100: no room/.test(error.message)

async function changes(t: TestContext, postgres: PostgresServer, table: string): Promise<void> {
  const url = await postgres.newDatabase()
  const store = await openNode(t, { url, clock: withoutBeats })
  await create(store, objectRecord('a'))
  await postgres.sql(noRoom + onTable(table), path.basename(url))
  await Promise.all(['b', 'c'].map((id) => assert.rejects(create(store, objectRecord(id)), isFull)))
  await postgres.sql(`DROP TRIGGER no_room ON ${table}`, path.basename(url))
  await create(store, objectRecord('b'))
}

async function besideConflict(t: TestContext, postgres: PostgresServer, table: string): Promise<void> {
  const url = await postgres.newDatabase()
  const store = await openNode(t, { url, clock: withoutBeats })
  await create(store, objectRecord('a'))
  await postgres.sql(noRoom + onTable(table), path.basename(url))
  const [made, refused] = await Promise.allSettled([
    store.commit(change([objectWrite(objectRecord('b'), ['b'], { key: 'b' })], { entries: [auditEntry()] })),
    create(store, objectRecord('a')),
  ])
  assert.equal(await store.object('instance-1', 'b'), undefined)
  assert.deepEqual([made.status, refused.status], ['rejected', 'rejected'])
}

async function nameNotTaken(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const store = await openNode(t, { url, clock: withoutBeats })
  await create(store, objectRecord('a'))
  await postgres.sql(noRoom + onTable('object_counts'), path.basename(url))
  const both = ['b', 'c'].map((id) => create(store, objectRecord(id), ['a name']))
  for (const one of both) await assert.rejects(one, isFull)
}

async function* pages() {
  yield ['a', 'b'].map((sha256) => ({ type: 'seen', value: { sha256, lastMs: 1, address: '' } }) as const)
}

async function loads(postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  // The tables come with the load, in its transaction.
  await postgres.sql(
    `${noRoom} CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS
     $$ BEGIN IF to_regclass('seen') IS NOT NULL AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'no_room')
       THEN EXECUTE '${onTable('seen')}'; END IF; END $$;
     CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION watch()`,
    path.basename(url),
  )
  const load = postgresLoader({ place: parsePostgresUrl(url), passwordFile: null }, 1)
  await assert.rejects(load(pages(), []), isFull)
  await postgres.sql('DROP EVENT TRIGGER watch', path.basename(url))
  await load(pages(), [])
}
