// `mortise store copy` between SQLite and PostgreSQL, there and back.

import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import type { CopiedStore } from '../../../src/features/store-copy/store-copy.ts'
import { openSqliteStore } from '../../../src/outside/store/sqlite/open.ts'
import { openPostgresStore } from '../../../src/outside/store/postgres/open.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { command } from '../../support/server/command.ts'
import { dumpOf } from '../../support/store/dumps.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { runCli, startEmbedded } from '../../support/server/server.ts'
import { change, create, objectRecord, objectWrite } from '../../support/store/store-values.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-copy-'))
const server = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(async () => {
  await server?.stop('immediate')
  rmSync(folder, { recursive: true, force: true })
})

const copy = (from: string, to: string) => command(['store', 'copy', '--from', from, '--to', to, '--json'])

async function copied(from: string, to: string): Promise<CopiedStore> {
  const { code, stdout, stderr } = await copy(from, to)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as CopiedStore
}

if (server) {
  test('there and back every record is the same, and the copy serves once it is accepted', (t) =>
    thereAndBack(t, server))
  test('a database that is used, or that is not empty, is refused', (t) => refuses(t, server))
}

async function thereAndBack(t: TestContext, postgres: PostgresServer): Promise<void> {
  const old = path.join(folder, 'old')
  const first = await startEmbedded({ data: old })
  for (const name of ['a', 'b', 'c'])
    assert.equal((await first.cli('key', 'create', '--instance', 'default', '--name', name)).code, 0)
  const keys = await first.json('key', 'list', '--instance', 'default')
  assert.equal(await first.stop(), 0)
  await first[Symbol.asyncDispose]()
  await fillMore(path.join(old, 'mortise.db'))
  const records = await dumpOf(path.join(old, 'mortise.db'))

  const url = await postgres.newDatabase()
  const there = await copied(old, url)
  assert.deepEqual(await dumpOf(url), records)
  const back = path.join(folder, 'back')
  const again = await copied(url, back)
  assert.deepEqual(await dumpOf(path.join(back, 'mortise.db')), records)
  assert.equal(there.sha256, again.sha256)
  const other = await postgres.newDatabase()
  assert.equal((await copied(url, other)).sha256, again.sha256)

  const env = { MORTISE_STORE: url, MORTISE_NODE: 'n' }
  const data = path.join(folder, 'node')
  const listen = ['--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0']
  const accept = async () => runCli(['restore-accept', '--data', data], env)
  assert.match((await accept()).stderr, /root\.key/)
  copyFileSync(path.join(old, 'root.key'), path.join(data, 'root.key'))
  const early = await runCli(['serve', '--data', data, ...listen], env)
  assert.equal(early.code, 1)
  assert.match(early.stderr, /restore-accept/)
  const accepted = await accept()
  assert.equal(accepted.code, 0, accepted.stderr)
  const node = await startEmbedded({ data, env })
  t.after(() => node[Symbol.asyncDispose]())
  assert.deepEqual(await node.json('key', 'list', '--instance', 'default'), keys)
  assert.equal((await node.cli('audit', 'verify')).code, 0)

  const used = await copy(url, path.join(folder, 'used'))
  assert.equal(used.code, 1)
  assert.match(used.stderr, /is in use: \d+ sessions? of Mortise (is|are) open there\. Stop every node/)
  assert.equal(existsSync(path.join(folder, 'used', 'mortise.db')), false)
}

/** Names that sort and encode in their own ways, and more objects than a page. */
async function fillMore(file: string): Promise<void> {
  const store = await openSqliteStore({ file, clock: systemClock, reserveBytes: 65_536 })
  for (const [n, name] of ['\0', '\0z', '\u0001', '\u0001a', 'é', '\u{1f511}', '\u{fffd}'].entries())
    await create(store, objectRecord(`odd ${n} ${name}`), [name])
  const many = Array.from({ length: 1_500 }, (_, n) => objectWrite(objectRecord(`many-${n}`)))
  await store.commit(change(many))
  await store.close()
}

async function refuses(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const data = path.join(folder, 'second')
  const empty = await copy(url, data)
  assert.match(empty.stderr, /there is no store in postgres:/)
  const open = () =>
    openPostgresStore({
      url,
      passwordFile: null,
      folder: data,
      node: 'n',
      leaseMs: 8_000,
      clock: systemClock,
    })
  const store = await open()
  t.after(() => store.close())
  await create(store, objectRecord('a'))
  assert.match((await copy(url, path.join(folder, 'third'))).stderr, /is in use/)
  await store.close()
  const another = await postgres.newDatabase()
  await copied(url, another)
  assert.match((await copy(url, another)).stderr, /a store is there already/)
  assert.match((await copy(url, url)).stderr, /are the same place/)
  const alias = url.replace('postgres:', 'postgresql:')
  assert.match((await copy(url, alias)).stderr, /lock timeout/)
  const foreign = await postgres.newDatabase()
  await postgres.sql('CREATE TABLE objects (x bigint)', path.basename(foreign))
  assert.match((await copy(url, foreign)).stderr, /has tables of another program/)
  await postgres.sql('UPDATE audit SET body = body || $$ $$', path.basename(url))
  const broken = await copy(url, path.join(folder, 'fourth'))
  assert.match(broken.stderr, /the audit log of .* is not whole/)
  assert.equal(existsSync(path.join(folder, 'fourth', 'mortise.db')), false)
  await postgres.sql('UPDATE mortise_schema SET steps = steps + 1', path.basename(url))
  assert.match((await copy(url, path.join(folder, 'fourth'))).stderr, /made by a newer version/)
}
