// Mortise on PostgreSQL beside what PostgreSQL does by itself: `node bench/postgresql.ts [SECONDS] [ROUNDS]` (2 and 5). pgbench commits the
// statements that the store writes for as many Creates as there are connections, in one transaction and one pipeline; and it reads
// keys by the statement of a Get, on as many connections. Needs Debian's postgresql.
//
// pgbench writes the same rows again and again, so in its database no index is unique where rows are only added.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { postgresSql } from '../src/outside/store/postgres/sql.ts'
import type { Query, SqlValue } from '../src/outside/store/steps.ts'
import { startPostgres, type PostgresServer } from '../test/support/postgresql/server.ts'
import { measure, median, middleOf, type Measure } from './measure.ts'
import { record, works } from './recorded-writes.ts'
import { markdownRow, writePart } from './results.ts'
import { makeFolder, onCore, startMortise, type Folder } from './servers.ts'

const seconds = Number(process.argv[2] ?? 2)
const rounds = Number(process.argv[3] ?? 5)
const connections = ['--connections', '32']
const keysRead = 8

const postgres = await startPostgres({ skip: () => {} })
if (postgres) await compare(postgres)
else process.stdout.write('PostgreSQL is not here (Debian: postgresql): nothing was measured\n')

async function compare(postgres: PostgresServer): Promise<void> {
  using folder = await makeFolder()
  const url = await postgres.newDatabase()
  using mortise = await onPostgres(folder, url)
  const creates = await writesAlone(folder, postgres)
  await measure(mortise, 5, [...connections, '--mix', 'get=1,create=1'])
  const reads = await readsAlone(folder, postgres, databaseOf(url))

  const ours = { create: [] as Measure[], get: [] as Measure[] }
  const theirs = { create: [] as number[], get: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    ours.create.push(await measure(mortise, seconds, [...connections, '--mix', 'create']))
    theirs.create.push(creates())
    ours.get.push(await measure(mortise, seconds, [...connections, '--mix', 'get']))
    theirs.get.push(reads())
  }
  await postgres.remove()
  const [create, get] = [median(ours.create), median(ours.get)]
  const [writes, read] = [middleOf(theirs.create), middleOf(theirs.get)]

  writePart(
    'On PostgreSQL',
    `
Written by \`node bench/postgresql.ts ${seconds} ${rounds}\` on ${new Date().toISOString().slice(0, 10)}: medians of ${rounds} runs of ${seconds} s, 32 connections. The server has one
core and the load another; PostgreSQL shares both with them.

${markdownRow('', 'Mortise, per second', 'its CPU µs each', 'pgbench, the same statements')}
${markdownRow('---', '--:', '--:', '--:')}
${markdownRow('Create', create.perSecond.toFixed(0), create.cpu.toFixed(0), writes.toFixed(0))}
${markdownRow('Get', get.perSecond.toFixed(0), get.cpu.toFixed(0), read.toFixed(0))}

${markdownRow('', 'rate / pgbench')}
${markdownRow('---', '--:')}
${markdownRow('Create', (create.perSecond / writes).toFixed(2))}
${markdownRow('Get', (get.perSecond / read).toFixed(2))}
`,
  )
}

function onPostgres(at: Folder, store: string): ReturnType<typeof startMortise> {
  return startMortise(at, { MORTISE_STORE: store, MORTISE_NODE: 'bench' })
}

function databaseOf(store: string): string {
  return path.basename(new URL(store).pathname)
}

/** How many Creates a second PostgreSQL commits by itself. */
async function writesAlone(at: Folder, server: PostgresServer): Promise<() => number> {
  const store = await server.newDatabase()
  const database = databaseOf(store)
  // A server makes the tables.
  ;(await onPostgres(at, store))[Symbol.dispose]()
  for (const table of ['objects', 'audit', 'object_index', 'names'])
    await allowRepeats(server, database, table)
  const { group } = works.create
  // The first group begins the chain as well.
  const [, statements = []] = record(path.join(at.path, 'recorded.db'), {
    ...works.create,
    recordedMax: 2 * group,
  })
  const script = path.join(at.path, 'creates.sql')
  const lines = statements.map((one) => `${literal(one)};`)
  writeFileSync(script, ['BEGIN;', '\\startpipeline', ...lines, 'COMMIT;', '\\endpipeline', ''].join('\n'))
  return () => group * pgbench(server, database, 1, [script])
}

async function readsAlone(at: Folder, server: PostgresServer, database: string): Promise<() => number> {
  const found = await server.sql(
    `SELECT instance_id, unique_identifier FROM objects ORDER BY sequence DESC LIMIT ${keysRead}`,
    database,
  )
  const scripts = found.rows.map((row: Record<string, string>, number) => {
    const values = [row['instance_id'] ?? '', row['unique_identifier'] ?? '']
    const file = path.join(at.path, `get-${number}.sql`)
    writeFileSync(file, `${literal({ name: 'object', values, wants: 'row' })};\n`)
    return file
  })
  return () => pgbench(server, database, 32, scripts)
}

/** Unique indexes of rows that are only added become ordinary ones. */
async function allowRepeats(server: PostgresServer, database: string, table: string): Promise<void> {
  const { rows } = await server.sql(
    `SELECT i.indexrelid::regclass::text AS index, pg_get_indexdef(i.indexrelid) AS made, c.conname AS constraint
     FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
     WHERE i.indrelid = '${table}'::regclass AND i.indisunique`,
    database,
  )
  for (const { index, made, constraint } of rows as Record<string, string>[]) {
    if (constraint) await server.sql(`ALTER TABLE ${table} DROP CONSTRAINT ${constraint}`, database)
    else await server.sql(`DROP INDEX ${index}`, database)
    await server.sql(made?.replace('CREATE UNIQUE INDEX', 'CREATE INDEX') ?? '', database)
  }
}

/** Transactions a second. */
function pgbench(
  server: PostgresServer,
  database: string,
  clients: number,
  scripts: readonly string[],
): number {
  const where = ['-h', '127.0.0.1', '-p', String(server.port), '-U', 'mortise']
  const how = ['-n', '-M', 'prepared', '-c', String(clients), '-T', String(Math.ceil(seconds))]
  const files = scripts.flatMap((script) => ['-f', script])
  const [program, ...args] = onCore(1, 'pgbench', ...where, ...how, ...files, database)
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  const [, tps] = /^tps = ([\d.]+)/m.exec(stdout ?? '') ?? []
  if (status !== 0 || tps === undefined) throw new Error(`pgbench: ${stdout}${stderr}`)
  return Number(tps)
}

/** The statement with its values in it. */
function literal({ name, values }: Query): string {
  return postgresSql[name].replaceAll(/\$(\d+)/g, (_, number: string) => quoted(values[Number(number) - 1]))
}

/** pgbench takes a colon for the beginning of a variable. */
function quoted(value: SqlValue | undefined): string {
  if (value === null || value === undefined) return 'NULL'
  if (value instanceof Uint8Array) return `'\\x${Buffer.from(value).toString('hex')}'::bytea`
  if (typeof value !== 'string') return String(value)
  return `E'${value.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll(':', '\\x3a')}'`
}
