// A database that an earlier version made is brought up to date when it is opened, and nothing in it is lost.

import assert from 'node:assert/strict'
import { readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { StandardKeyRecord } from '../../../../src/core/ports/secrets.ts'
import type { Store } from '../../../../src/core/ports/store.ts'
import { applicationId, migrations } from '../../../../src/outside/store/sqlite/migrations.ts'
import { openSqliteStore } from '../../../../src/outside/store/sqlite/open.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'
import { anchorKey, openSqlite, storeFolder } from '../../../support/store/store-place.ts'
import {
  change,
  create,
  dataKeyRecord,
  objectRecord,
  objectWrite,
  trustRow,
} from '../../../support/store/store-values.ts'

/** Every kind of row that the first schema had. */
async function fill(store: Store): Promise<void> {
  await create(store, objectRecord('a'), ['name'])
  await create(store, objectRecord('b', { sealed: Buffer.alloc(20_000, 7) }))
  const gone = { version: 2, state: 'Destroyed', sealed: null, dataKeyId: null }
  await store.commit(change([objectWrite(objectRecord('a', gone), [], { Group: 'x' })]))
  await store.commit(
    change([
      trustRow('client'),
      { type: 'data-key', record: dataKeyRecord('k', 'wrapped') },
      { type: 'new-secret', record: { name: 's', sealed: Buffer.from('secret') } },
      { type: 'fetched', instanceId: 'instance-1', uniqueIdentifier: 'b', atMs: 77 },
      { type: 'seen', certificates: [{ sha256: 'ab', lastMs: 5, address: '192.0.2.1' }] },
      { type: 'checkpoint', checkpoint: { number: 1, body: '{}', signature: 'x' } },
    ]),
  )
}

async function told(store: Store): Promise<unknown> {
  return {
    trust: await store.trust(),
    objects: await store.objects({ instanceId: 'instance-1', includeDestroyed: true, limit: 10 }),
    counts: await store.objectCounts('instance-1', 0),
    dataKeys: await store.dataKeys('instance-1'),
    secrets: await store.secrets(),
    seen: await store.seen(['ab']),
    audit: await store.audit({ order: 'oldest', limit: 10 }),
    heads: await store.auditHeads(),
    checkpoints: await store.checkpoints(10),
  }
}

/** A database as the first version made it, with the rows of the one that was made now. */
function asFirstMade(from: string, to: string): void {
  const database = new DatabaseSync(to)
  database.exec(`
    PRAGMA journal_mode = WAL; BEGIN; ${migrations[0] ?? ''} DELETE FROM meta;
    PRAGMA application_id = ${applicationId}; PRAGMA user_version = 1; COMMIT;`)
  database.prepare('ATTACH ? AS now').run(from)
  const tables = database.prepare(`SELECT name FROM main.sqlite_schema WHERE type = 'table'`).all()
  assert.ok(tables.length > 10)
  for (const { name: table } of tables) {
    const columns = database.prepare(`SELECT name FROM pragma_table_info('${String(table)}')`).all()
    const list = columns.map(({ name }) => String(name)).join(', ')
    database.exec(`INSERT INTO main.${String(table)} (${list}) SELECT ${list} FROM now.${String(table)}`)
  }
  database.close()
}

test('a database of the first schema is opened with all that it holds, and takes what is new', async (t) => {
  const folder = await storeFolder(t)
  const made = await openSqlite(t, path.join(folder, 'made.db'))
  await fill(made)
  const before = await told(made)
  await made.close()
  const file = path.join(folder, 'old.db')
  asFirstMade(path.join(folder, 'made.db'), file)

  const store = await openSqlite(t, file)
  assert.deepEqual(await told(store), before)
  const { objects, bytes } = await store.usage('instance-1')
  assert.equal(objects, 1)
  assert.ok(bytes > 20_000 && bytes < 25_000, String(bytes))
  const record: StandardKeyRecord = {
    id: 'one',
    instanceId: 'instance-1',
    kind: 'object',
    identifier: 'b',
    generation: 1,
    rootKeyUri: 'keyprotect:1',
    state: 'current',
    keyVersion: '',
    createdMs: 5,
  }
  await store.commit(change([{ type: 'standard-key', record }]))
  await store.close()
  const again = await openSqlite(t, file)
  assert.deepEqual(await again.standardKeys({ limit: 10 }), [record])
  await again.close()
  const database = new DatabaseSync(file, { readOnly: true })
  assert.equal(database.prepare('PRAGMA user_version').get()?.['user_version'], migrations.length)
  database.close()
})

test('a change of the schema is announced, after a private copy of the database as it was', async (t) => {
  const folder = await storeFolder(t)
  const made = await openSqlite(t, path.join(folder, 'made.db'))
  await fill(made)
  await made.close()
  const file = path.join(folder, 'old.db')
  asFirstMade(path.join(folder, 'made.db'), file)
  const notices: string[] = []
  const open = () =>
    openSqliteStore({
      file,
      clock: new MovableClock(),
      reserveBytes: 0,
      onNotice: (text) => notices.push(text),
    })
  await (await open()).close()
  assert.equal(notices.length, 1)
  const copy = `${file}.schema-1`
  assert.match(notices[0] ?? '', /has schema 1, and this version of Mortise needs \d+: it is changed now/)
  assert.ok(notices[0]?.includes(`A copy as it was is kept in ${copy}. To go back`))
  assert.equal(statSync(copy).mode & 0o777, 0o600)
  const kept = new DatabaseSync(copy, { readOnly: true })
  assert.equal(kept.prepare('PRAGMA user_version').get()?.['user_version'], 1)
  assert.equal(kept.prepare('SELECT count(*) AS count FROM objects').get()?.['count'], 2)
  kept.close()
  await (await open()).close()
  assert.equal(notices.length, 1, 'nothing is to be changed any more')
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.new')),
    [],
  )
})

test('an instance whose standard keys have the form of the second schema is refused by its name, and nothing is changed', async (t) => {
  const folder = await storeFolder(t)
  const file = path.join(folder, 'made.db')
  await (await openSqlite(t, file)).close()
  const database = new DatabaseSync(file)
  // What the steps after it made.
  database.exec(`
    ALTER TABLE objects DROP COLUMN activates_s;
    ALTER TABLE objects DROP COLUMN deactivates_s;
    DROP TABLE clock_steps;
    DROP TABLE client_seen;
    DROP TABLE inventories;
    DROP TABLE inventory_rows;
    DROP TABLE object_bytes;
    DROP INDEX objects_due;
    DROP INDEX objects_instance_due;
    ALTER TABLE objects DROP COLUMN recoverable;
    ALTER TABLE objects DROP COLUMN recoverable_state;
    ALTER TABLE objects DROP COLUMN due_ms;
    DROP TABLE recoverable_counts;
    DROP TABLE adopted_on_demand;
    DROP TABLE leases;
    DROP TABLE node_signs;
    DROP TABLE least_version;
    DROP INDEX objects_unmarked;
    ALTER TABLE objects DROP COLUMN marked;
    DROP TABLE marks;`)
  const put = database.prepare("INSERT INTO trust (kind, id, body, mac) VALUES ('instance', ?, ?, x'00')")
  for (const [id, name, custody] of [
    ['1', 'vmware', 'keyprotect'],
    ['2', 'files', 'database'],
  ] as const)
    put.run(id, JSON.stringify({ id, name, custody }))
  database.exec('PRAGMA user_version = 2')
  database.close()
  await assert.rejects(openSqlite(t, file), (error: Error) => {
    assert.match(error.message, /keys of the instance vmware /)
    assert.match(error.message, /Nothing was changed.*--custody database/)
    return !error.message.includes('files')
  })
  const after = new DatabaseSync(file)
  assert.equal(after.prepare('PRAGMA user_version').get()?.['user_version'], 2)
  after.exec("DELETE FROM trust WHERE id = '1'")
  after.close()
  await (await openSqlite(t, file)).close()
})

test('a database of a version that kept no anchor needs none until it has one, also where the start before was killed', async (t) => {
  const folder = await storeFolder(t)
  const made = await openSqlite(t, path.join(folder, 'made.db'))
  await fill(made)
  await made.close()
  const file = path.join(folder, 'old.db')
  asFirstMade(path.join(folder, 'made.db'), file)
  const verdict = async (mode: 'look' | 'keep'): Promise<string> => {
    const store = await openSqlite(t, file)
    const { state } = await store.anchor(anchorKey, { needed: true, mode })
    await store.close()
    return state
  }
  // The schema was brought up to date, and the process ended before it made the anchor.
  assert.equal(await verdict('look'), 'new')
  assert.equal(await verdict('keep'), 'new')
  assert.equal(await verdict('keep'), 'agrees')
  rmSync(`${file}.anchor`)
  assert.equal(await verdict('keep'), 'missing')
})
