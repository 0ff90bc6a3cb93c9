// The database file itself: who may read it, who may open it, and what is refused without being touched.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { StoreUnavailable } from '../../../../src/core/ports/store.ts'
import { holdSqlite } from '../../../../src/outside/store/sqlite/hold.ts'
import { openSqlite, storeFolder } from '../../../support/store/store-place.ts'
import { create, objectRecord } from '../../../support/store/store-values.ts'

const child = path.join(import.meta.dirname, '../../../support/store/store-child.ts')
const nodeArguments = ['--disable-warning=ExperimentalWarning', child]

/** A database with some objects, closed. */
async function someDatabase(t: TestContext): Promise<string> {
  const file = path.join(await storeFolder(t), 'data', 'mortise.db')
  const store = await openSqlite(t, file)
  await Promise.all(Array.from({ length: 200 }, (_, n) => create(store, objectRecord(`object ${n}`))))
  await store.close()
  return file
}

test('nobody else may read the files', async (t) => {
  const file = path.join(await storeFolder(t), 'new', 'data', 'mortise.db')
  const before = process.umask(0)
  t.after(() => process.umask(before))
  const store = await openSqlite(t, file)
  await create(store, objectRecord('a'))
  const folder = path.dirname(file)
  const modes = () =>
    readdirSync(folder).map((name) => [name, statSync(path.join(folder, name)).mode & 0o777])
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.ok(modes().length >= 4)
  for (const [name, mode] of modes()) assert.equal(mode, 0o600, `${name}`)
  await store.close()
  chmodSync(file, 0o644)
  const again = await openSqlite(t, file)
  for (const [name, mode] of modes()) assert.equal(mode, 0o600, `${name}`)
  await again.close()
})

test('a second process is refused while the first lives, and not after it was killed', async (t) => {
  const file = await someDatabase(t)
  const holder = spawn(process.execPath, [...nodeArguments, 'commit', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(holder, 'exit')
  t.after(() => holder.kill('SIGKILL'))
  await Promise.race([once(holder.stdout, 'data'), ended.then(() => assert.fail('it ended'))])
  holder.stdout.resume()
  await assert.rejects(openSqlite(t, file), (error) => {
    return error instanceof StoreUnavailable && error.why === 'busy' && /another process/.test(error.message)
  })
  assert.equal(holder.exitCode, null, 'the first goes on')
  holder.kill('SIGKILL')
  await ended
  const store = await openSqlite(t, file)
  await assert.rejects(openSqlite(t, file), StoreUnavailable, 'within one process too')
  const other = spawnSync(process.execPath, [...nodeArguments, 'open', file], { encoding: 'utf8' })
  assert.match(other.stdout, /another process has this data folder open/)
  await store.close()
})

test('a database of a newer version is opened as it is, and refused and left alone once that raised the least version', async (t) => {
  const file = await someDatabase(t)
  const change = (sql: string) => {
    const database = new DatabaseSync(file)
    database.exec(sql)
    database.close()
  }
  change('CREATE TABLE later (id INTEGER PRIMARY KEY); PRAGMA user_version = 999')
  const store = await openSqlite(t, file)
  await create(store, objectRecord('made by the older version'))
  await store.close()
  const read = new DatabaseSync(file, { readOnly: true })
  assert.equal(read.prepare('PRAGMA user_version').get()?.['user_version'], 999)
  read.close()
  assert.throws(() => holdSqlite(file), /made by a newer version of Mortise \(schema 999/)
  change("INSERT INTO least_version VALUES ('later', '9.0', 'it closes the table later')")
  await refusedUntouched(t, file, /needs Mortise 9\.0 or newer, which knows later \(since 9\.0\): it closes/)
  assert.throws(() => holdSqlite(file), /needs Mortise 9\.0 or newer/)
})

test('a database of another program is refused and left alone', async (t) => {
  const file = path.join(await storeFolder(t), 'other.db')
  const database = new DatabaseSync(file)
  database.exec('CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)')
  database.close()
  await refusedUntouched(t, file, /of another program/)
})

test('a damaged file is refused and left alone', async (t) => {
  const sound = await someDatabase(t)
  const bytes = readFileSync(sound)
  const damages: [string, (file: string) => void][] = [
    ['no database at all', (file) => writeFileSync(file, randomBytes(50_000))],
    [
      'the header overwritten',
      (file) => writeFileSync(file, Buffer.concat([Buffer.alloc(100), bytes.subarray(100)])),
    ],
    ['cut off', (file) => truncateSync(file, bytes.length - 3 * 4096)],
    ['cut to half a page', (file) => truncateSync(file, 2048)],
    [
      'a hole in the middle',
      (file) => writeFileSync(file, Buffer.from(bytes).fill(0xff, 8 * 4096, 12 * 4096)),
    ],
  ]
  for (const [name, damage] of damages) {
    const file = path.join(path.dirname(sound), `${name}.db`)
    copyFileSync(sound, file)
    damage(file)
    await refusedUntouched(t, file, /is damaged or is no database/)
  }
})

test('a log without its database is not thrown away', async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  writeFileSync(`${file}-wal`, randomBytes(10_000))
  await assert.rejects(openSqlite(t, file), /mortise.db is missing or empty, but its write-ahead log/)
  assert.equal(statSync(`${file}-wal`).size, 10_000)
  assert.equal(existsSync(file), false)
})

test('a folder that cannot be is said so', async (t) => {
  const folder = await storeFolder(t)
  writeFileSync(path.join(folder, 'file'), '')
  await assert.rejects(openSqlite(t, path.join(folder, 'file', 'mortise.db')), StoreUnavailable)
})

async function refusedUntouched(t: TestContext, file: string, reason: RegExp): Promise<void> {
  const before = readFileSync(file)
  await assert.rejects(openSqlite(t, file), (error) => {
    assert.ok(error instanceof StoreUnavailable)
    assert.equal(error.why, 'unavailable')
    assert.match(error.message, reason)
    assert.match(error.message, /nothing was changed/i)
    return true
  })
  assert.ok(before.equals(readFileSync(file)), 'the file is as it was')
}
