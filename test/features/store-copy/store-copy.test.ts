// `mortise store copy` from SQLite to SQLite; with PostgreSQL: test/real/postgresql/copy.test.ts.

import assert from 'node:assert/strict'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import type { DumpedRecord } from '../../../src/core/ports/backup.ts'
import { StoreTally, type CopiedStore } from '../../../src/features/store-copy/store-copy.ts'
import { command } from '../../support/server/command.ts'
import { dumpOf } from '../../support/store/dumps.ts'
import { accept } from '../../support/server/restored.ts'
import { startInProcess } from '../../support/server/running.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'
import { keyRoutes } from '../../../src/features/keys/routes.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-copy-'))
const old = path.join(folder, 'old')
let keys: string[] = []
after(() => rmSync(folder, { recursive: true, force: true }))

const copy = (from: string, to: string, ...more: readonly string[]) =>
  command(['store', 'copy', '--from', from, '--to', to, ...more])

before(async () => {
  await using server = await startInProcess(old)
  const [instance] = await server.admin.call(instanceRoutes.listInstances)
  const query = { instance: instance?.id ?? '' }
  for (let n = 0; n < 3; n++)
    await server.admin.call(keyRoutes.createKey, { ...query, body: { name: `key ${n}` } })
  keys = (await server.admin.call(keyRoutes.listKeys, query)).keys.map(({ id }) => id)
  assert.equal(keys.length, 3)
  const running = await copy(old, path.join(folder, 'of running'))
  assert.match(running.stderr, /mortise\.db is in use: a server runs on it\. Stop that server, then repeat$/m)
  assert.equal(running.code, 1)
})

test('a copy has every record of the old store, which stays as it was, and serves once it is accepted', async () => {
  const to = path.join(folder, 'new')
  const untouched = readFileSync(path.join(old, 'mortise.db'))
  const { code, stdout, stderr } = await copy(old, to, '--json')
  assert.equal(code, 0, stderr)
  const copied = JSON.parse(stdout) as CopiedStore
  assert.deepEqual(
    [copied.kind, copied.objects, copied.rootKeys, copied.to],
    ['sqlite', 3, ['file:root.key'], path.join(to, 'mortise.db')],
  )
  assert.ok(copied.entries > 3)
  const records = await dumpOf(path.join(old, 'mortise.db'))
  assert.deepEqual(await dumpOf(path.join(to, 'mortise.db')), records)
  assert.equal(copied.records, records.length)
  assert.deepEqual(readFileSync(path.join(old, 'mortise.db')), untouched)
  assert.deepEqual(
    readdirSync(to).filter((name) => !/-(?:wal|shm)$/.test(name)),
    ['mortise.db', 'mortise.db.lock'],
  )
  copyFileSync(path.join(old, 'root.key'), path.join(to, 'root.key'))
  await assert.rejects(startInProcess(to), /anchor mortise.db.anchor is missing/)
  assert.match((await accept(to)) ?? '', /anchor/)
  await using server = await startInProcess(to)
  const [instance] = await server.admin.call(instanceRoutes.listInstances)
  const found = (await server.admin.call(keyRoutes.listKeys, { instance: instance?.id ?? '' })).keys
  assert.deepEqual(
    found.map(({ id }) => id),
    keys,
  )
})

test('it says what to do next', async () => {
  const { stdout, stderr } = await copy(old, path.join(folder, 'told'))
  assert.match(stdout, /never start a server on it again/)
  assert.match(stdout, /Copy the root key file \(file:root\.key\) into the data folder .*told/)
  assert.match(stdout, /restore-accept --data .*told/)
  assert.match(stdout, /3\n/)
  assert.match(stderr, /objects and audit entries (?:copied|compared)/)
})

const refusals: readonly (readonly [what: string, from: string, to: string, says: RegExp])[] = [
  ['an old store that is not there', 'nowhere', 'x', /--from: there is no database .*nowhere/],
  ['an old store at which it cannot look', 'looped', 'x', /ELOOP/],
  ['the same place', 'old', 'old', /--from and --to are the same place/],
  ['a place that has a store', 'old', 'full', /mortise\.db is there already; nothing was changed/],
  ['another kind of database', 'old', 'mysql://h/d', /--to is neither a path nor of the form postgres:/],
  ['a password in a URL', 'postgres://u:secret@h/d', 'x', /--from has a password in it/],
  [
    'a password in the URL of another database',
    'old',
    'mysql://u:secret@h/d',
    /--to is neither a path nor of the form postgres:/,
  ],
  ['a URL that names no database', 'old', 'postgres://u@h', /--to names no database/],
  ['a database that does not answer', 'old', 'postgres://u@127.0.0.1:1/d', /ECONNREFUSED/],
  ['the file of another program', 'foreign.db', 'x', /foreign\.db is no database of Mortise/],
  ['a file that is no database', 'text.db', 'x', /not a database/],
]

for (const [what, from, to, says] of refusals)
  test(`it refuses ${what}`, async () => {
    mkdirSync(path.join(folder, 'full'), { recursive: true })
    const loop = path.join(folder, 'looped', 'mortise.db')
    mkdirSync(path.dirname(loop), { recursive: true })
    rmSync(loop, { force: true })
    symlinkSync('mortise.db', loop)
    copyFileSync(path.join(old, 'mortise.db'), path.join(folder, 'full', 'mortise.db'))
    new DatabaseSync(path.join(folder, 'foreign.db')).exec('CREATE TABLE IF NOT EXISTS t (x)')
    writeFileSync(path.join(folder, 'text.db'), 'no database'.repeat(1000))
    const place = (name: string) => (name.includes('://') ? name : path.join(folder, name))
    const { code, stderr } = await copy(place(from), place(to))
    assert.equal(code, 1)
    assert.match(stderr, says)
    assert.doesNotMatch(stderr, /secret/)
    assert.equal(existsSync(path.join(folder, 'x', 'mortise.db')), false)
  })

test('both places must be said', async () => {
  const { code, stderr } = await command(['store', 'copy', '--from', old])
  assert.equal(code, 2)
  assert.match(stderr, /say from where and to where/)
})

test('it refuses what must be started once more first, what is left of another store, and a broken audit log', async () => {
  const from = changed('PRAGMA user_version = 1')
  assert.match(
    (await copy(from, path.join(folder, 'y'))).stderr,
    /Start the server on it once with this version/,
  )
  const left = changed('SELECT 1')
  writeFileSync(path.join(left, 'mortise.db.access'), 'records', { mode: 0o600 })
  assert.match((await copy(left, path.join(folder, 'y'))).stderr, /Start it once, stop it, and repeat/)
  const cut = changed('DELETE FROM audit WHERE entry = 2')
  const broken = await copy(cut, path.join(folder, 'y'))
  assert.match(broken.stderr, /the audit log of .* is not whole \(entry [23]/)
  const headless = changed('DELETE FROM audit WHERE entry = (SELECT max(entry) FROM audit)')
  assert.match((await copy(headless, path.join(folder, 'y'))).stderr, /is not whole/)
  assert.deepEqual(readdirSync(path.join(folder, 'y')), [])
  writeFileSync(path.join(folder, 'y', 'mortise.db-wal'), 'of another store', { mode: 0o600 })
  assert.match((await copy(old, path.join(folder, 'y'))).stderr, /mortise\.db-wal is there already/)
})

test('each difference in a record shows, and so does the order', () => {
  const one: DumpedRecord = { type: 'seen', value: { sha256: 'aa', lastMs: 1, address: 'x' } }
  const two: DumpedRecord = { type: 'seen', value: { sha256: 'bb', lastMs: 1, address: 'x' } }
  assert.ok(agree(tally(one, two), tally(one, two)))
  assert.ok(!agree(tally(one, two), tally(two, one)))
  assert.ok(!agree(tally(one, two), tally(one)))
  assert.ok(!agree(tally(one), tally({ ...one, value: { ...one.value, lastMs: 2 } })))
})

function tally(...records: readonly DumpedRecord[]): StoreTally {
  const made = new StoreTally('s')
  for (const record of records) made.add(record)
  made.end()
  return made
}

function agree(a: StoreTally, b: StoreTally): boolean {
  return a.agrees(b, 'seen')
}

let copies = 0

/** A copy of the old folder's database, changed. */
function changed(sql: string): string {
  const place = mkdtempSync(path.join(folder, `changed-${copies++}-`))
  const file = path.join(place, 'mortise.db')
  copyFileSync(path.join(old, 'mortise.db'), file)
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
  return place
}
