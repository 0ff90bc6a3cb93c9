// The schema on PostgreSQL: it has what SQLite's has, nodes that start at once make it once, and a node works beside newer versions
// until one of them raises the least version.

import assert from 'node:assert/strict'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test, type TestContext } from 'node:test'
import { migrations } from '../../../src/outside/store/sqlite/migrations.ts'
import { backgroundLeaseMs } from '../../../src/base/bounds.ts'
import { postgresSilentMs } from '../../../src/outside/store/postgres/connect.ts'
import { OlderNode } from '../../../src/core/ports/least-version.ts'
import { connectPostgres } from '../../../src/outside/store/postgres/connect.ts'
import { holdPostgres } from '../../../src/outside/store/postgres/hold.ts'
import { knownSchema, migrate } from '../../../src/outside/store/postgres/schema.ts'
import { begin } from '../../../src/outside/store/postgres/transactions.ts'
import { parsePostgresUrl } from '../../../src/outside/store/postgres/url.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { openNode } from '../../support/postgresql/store.ts'
import { asNewerProgram, raised } from '../../support/store/contract/least-version.ts'
import { change, create, objectRecord, objectWrite } from '../../support/store/store-values.ts'

const server = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(() => server?.stop('immediate'))

if (server) {
  test('tables, columns, keys and indexes are those of SQLite, but for known differences', (t) =>
    same(t, server))
  test('a step may take longer than a statement', (t) => slowStep(t, server))
  test('of nodes that start at once on an empty database each one serves', (t) => atOnce(t, server))
  test('a node works beside newer versions that only added', (t) => ahead(t, server))
  test('no older node runs on, or starts, once the least version was raised; one that runs is upgraded first', (t) =>
    older(t, server))
}

/** PostgreSQL's alone. */
const ownTables = ['nodes', 'mortise_schema']
/** An index of SQLite ends with the row's id by itself. Names and rows of inventories: see postgres/schema.ts. */
const differences: Readonly<Record<string, string>> = {
  'objects_instance: instance_id': 'objects_instance: instance_id, sequence',
  'objects_live: instance_id': 'objects_live: instance_id, sequence',
  'audit_instance: instance': 'audit_instance: instance, entry',
  'audit_object: object': 'audit_object: object, entry',
  'audit_certificate: certificate': 'audit_certificate: certificate, entry',
  'standard_keys_instance: instance_id, kind, state': 'standard_keys_instance: instance_id, kind, state, id',
  'standard_keys_state: kind, state': 'standard_keys_state: kind, state, id',
  'standard_keys_identifier: identifier': 'standard_keys_identifier: identifier, id',
  'inventory_rows: key inventory, key, kind, name, machine_id, disk, provider': inventoryRowsOnce(),
  'names: key instance_id, name, sequence': 'names_name: instance_id, hashtextextended(name, 0::bigint)',
}
function inventoryRowsOnce(): string {
  const parts = ['name', 'machine_id', 'disk', 'provider'].map((column) => [
    'length(' + column + ')::text',
    "':'::text",
    column,
  ])
  const [first = '', ...rest] = parts.flat()
  const text = rest.reduce((all, part) => `(${all} || ${part})`, first)
  const hashes = [0, 1].map((seed) => `hashtextextended(${text.slice(1, -1)}, ${seed}::bigint)`)
  return `inventory_rows_once: inventory, key, kind, ${hashes.join(', ')}`
}

/** SQLite finds an entry by its writer's first one. */
const ownIndexes = ['audit_number: writer, number']

async function same(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  await openNode(t, { url })
  const [sqlite, made] = [shapeOfSqlite(), await shapeOfPostgres(postgres, path.basename(url))]
  assert.deepEqual(made.columns, sqlite.columns)
  const expected = sqlite.indexes.map((one) => differences[one] ?? one)
  assert.deepEqual(made.indexes, [...expected, ...ownIndexes].toSorted())
}

interface Shape {
  /** Table, column, type, and whether it may be NULL. */
  readonly columns: readonly string[]
  /** An index by its name, a primary key and a unique column by the table's, each with its columns. */
  readonly indexes: readonly string[]
}

function shapeOfSqlite(): Shape {
  const database = new DatabaseSync(':memory:')
  for (const step of migrations) database.exec(step)
  const all = (sql: string) => database.prepare(sql).all() as Record<string, string | number>[]
  const columns = all(`
    SELECT m.name || '.' || c.name || ' ' || c.type || CASE WHEN c."notnull" = 1 OR c.pk > 0 THEN '' ELSE ' null' END AS one
    FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`)
  const indexes = all(`
    SELECT CASE i.origin WHEN 'c' THEN i.name || ': ' WHEN 'pk' THEN m.name || ': key ' ELSE m.name || ': unique ' END ||
      (SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) AS one
    FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`)
  const rowids = all(`
    SELECT m.name || ': key ' || c.name AS one FROM sqlite_master m JOIN pragma_table_info(m.name) c
    WHERE m.type = 'table' AND c.pk > 0 AND c.type = 'INTEGER'
      AND NOT EXISTS (SELECT 1 FROM pragma_index_list(m.name) WHERE origin = 'pk')`)
  database.close()
  return { columns: lines(columns), indexes: lines([...indexes, ...rowids]) }
}

function lines(rows: readonly Record<string, string | number>[]): readonly string[] {
  return rows.map(({ one }) => String(one)).toSorted()
}

async function shapeOfPostgres(postgres: PostgresServer, database: string): Promise<Shape> {
  const all = async (sql: string) => lines((await postgres.sql(sql, database)).rows as { one: string }[])
  const own = ownTables.map((name) => `'${name}'`).join()
  const columns = await all(`
    SELECT table_name || '.' || column_name || ' ' ||
      CASE data_type WHEN 'bigint' THEN 'INTEGER' WHEN 'text' THEN 'TEXT' WHEN 'bytea' THEN 'BLOB' ELSE data_type END ||
      CASE is_nullable WHEN 'YES' THEN ' null' ELSE '' END AS one
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT IN (${own})`)
  const indexes = await all(`
    SELECT CASE WHEN i.indisprimary THEN t.relname || ': key ' WHEN k.contype = 'u' THEN t.relname || ': unique '
        ELSE c.relname || ': ' END ||
      (SELECT string_agg(pg_get_indexdef(i.indexrelid, n, true), ', ' ORDER BY n) FROM generate_series(1, i.indnatts) AS n) AS one
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
    LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype = 'u'
    WHERE t.relnamespace = 'public'::regnamespace AND t.relname NOT IN (${own})`)
  return { columns, indexes }
}

/** Longer than any other statement may take. */
async function slowStep(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const session = await connectPostgres({ place: parsePostgresUrl(url), passwordFile: null })
  t.after(() => session.drop())
  await session.query(begin)
  await migrate(session, ['CREATE TABLE meta (n bigint)'])
  const shown = async () => (await session.query('SHOW statement_timeout')).rows[0]?.['statement_timeout']
  assert.equal(await shown(), '10s')
  await migrate(session, ['', `SELECT pg_sleep(${postgresSilentMs / 1000 + 1})`])
  assert.equal(await shown(), '10s')
  await session.commit()
}

async function atOnce(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const names = ['a', 'b', 'c']
  const nodes = await Promise.all(names.map((node) => openNode(t, { url, node })))
  for (const [index, node] of nodes.entries()) await create(node, objectRecord(names[index] ?? ''))
  for (const node of nodes)
    assert.equal((await node.objects({ instanceId: 'instance-1', limit: 9 })).length, 3)
}

async function ahead(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const database = path.basename(url)
  const node = await openNode(t, { url })
  await create(node, objectRecord('a'))
  // As a newer version would: it adds, and takes nothing away.
  await postgres.sql(
    `ALTER TABLE objects ADD COLUMN later text; CREATE TABLE later (id bigint); UPDATE mortise_schema SET steps = steps + 3`,
    database,
  )
  await create(node, objectRecord('b'))
  await node.close()
  const again = await openNode(t, { url })
  await create(again, objectRecord('c'))
  assert.equal((await again.objects({ instanceId: 'instance-1', limit: 9 })).length, 3)
  await again.close()
  const rows = async () => (await postgres.sql('SELECT version, steps FROM mortise_schema', database)).rows
  assert.deepEqual((await rows()).map(Object.values), [[5, knownSchema + 3].map(String)])
}

/** Such a program takes its name so, compares the column version, and leaves what it does not know as it was. */
async function asEarlierProgram(postgres: PostgresServer, database: string, node: string): Promise<void> {
  const { rows } = await postgres.sql('SELECT version FROM mortise_schema', database)
  assert.ok(Number(rows[0]?.['version']) <= 6, 'the database was made by a much newer version')
  await postgres.sql(
    `INSERT INTO nodes (name, run, commits, lease_ms) VALUES ('${node}', 'its run', 0, 8000)
     ON CONFLICT (name) DO UPDATE SET run = excluded.run, commits = 0, lease_ms = excluded.lease_ms;
     INSERT INTO node_signs VALUES ('${node}', '0.0.9', '', 0, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
     ON CONFLICT (name) DO UPDATE SET version = excluded.version, seen_ms = excluded.seen_ms`,
    database,
  )
}

async function older(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const database = path.basename(url)
  // It ran this version before: what that said of itself does not count for the earlier one.
  await asNewerProgram(async () => (await openNode(t, { url, node: 'old' })).close())
  await asEarlierProgram(postgres, database, 'old')
  const runs = async () => (await postgres.sql("SELECT run FROM nodes WHERE name = 'old'", database)).rows
  const beside = await openNode(t, { url, node: 'beside' })
  await asNewerProgram(async () => {
    const node = await openNode(t, { url, node: 'new' })
    const raise = () => node.commit(change([...raised, objectWrite(objectRecord('closed'))]))
    await assert.rejects(raise(), (error) => {
      assert.ok(error instanceof OlderNode)
      assert.match(error.message, /the node old runs Mortise 0\.0\.9, which does not know sealed-doors/)
      return true
    })
    assert.equal(await node.object('instance-1', 'closed'), undefined)
    assert.deepEqual(await runs(), [{ run: 'its run' }])
    // It was killed, or is cut off: it gave no sign for long.
    await postgres.sql(`UPDATE node_signs SET seen_ms = seen_ms - ${backgroundLeaseMs + 5_000}`, database)
    await raise()
    await node.commit(change(raised))
    await create(node, objectRecord('a'))
    await node.close()
  })
  assert.deepEqual(await runs(), [{ run: '' }], 'it writes nothing more when it comes back')
  await assert.rejects(asEarlierProgram(postgres, database, 'old'), /much newer version/)
  await assert.rejects(
    create(beside, objectRecord('b')),
    /needs a newer version of Mortise now, and the node beside may not write/,
  )
  await assert.rejects(openNode(t, { url, node: 'beside-2' }), /needs Mortise 0\.10\.0 or newer/)
  const connecting = { place: parsePostgresUrl(url), passwordFile: null }
  await assert.rejects(holdPostgres(connecting), /needs Mortise 0\.10\.0 or newer/)
}
