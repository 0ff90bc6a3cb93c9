// How a backup's file comes to be: whole or not at all, for its owner alone, and over nothing that is there.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { allRecords, dumpedObject, dumpOf, writeRecords } from '../../support/store/backup-files.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { storeFolder } from '../../support/store/store-place.ts'

const records = Array.from({ length: 500 }, (_, n) => dumpedObject(`object-${n}`))

async function place(t: TestContext) {
  const folder = await storeFolder(t)
  return { folder, file: path.join(folder, 'a.backup'), rootKey: new FaultyRootKey() }
}

test('the file is for its owner alone, and nothing else is left', async (t) => {
  const { folder, file, rootKey } = await place(t)
  await writeRecords(file, rootKey, dumpOf(records))
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(folder), ['a.backup'])
})

test('no record is readable in it, while the manifest is', async (t) => {
  const { file, rootKey } = await place(t)
  await writeRecords(file, rootKey, dumpOf(records))
  const content = readFileSync(file, 'latin1')
  assert.ok(!content.includes('object-1'))
  assert.ok(content.includes('"created": "2026-01-01T00:00:00.000Z"'))
})

test('a file that is there stays as it is, unless --force is given', async (t) => {
  const { file, rootKey } = await place(t)
  writeFileSync(file, 'mine')
  await assert.rejects(
    writeRecords(file, rootKey, dumpOf(records)),
    /is there already; it is not overwritten/,
  )
  assert.equal(readFileSync(file, 'utf8'), 'mine')
  const { keys } = await writeRecords(file, rootKey, dumpOf(records), { force: true })
  assert.deepEqual(await allRecords(file, keys), records)
})

test('links are not followed, neither under the name nor beside it', async (t) => {
  const { folder, file, rootKey } = await place(t)
  const mine = path.join(folder, 'mine')
  writeFileSync(mine, 'mine')
  symlinkSync(mine, `${file}.server-1.partial`)
  await writeRecords(file, rootKey, dumpOf(records))
  symlinkSync(mine, path.join(folder, 'link'))
  await assert.rejects(
    writeRecords(path.join(folder, 'link'), rootKey, dumpOf(records), { force: true }),
    /is no file but/,
  )
  assert.equal(readFileSync(mine, 'utf8'), 'mine')
})

test('what a killed run left is replaced, and a run that fails leaves the last good file', async (t) => {
  const { folder, file, rootKey } = await place(t)
  writeFileSync(`${file}.server-1.partial`, 'half')
  const { keys } = await writeRecords(file, rootKey, dumpOf(records))
  const failing = {
    ...dumpOf(records),
    async *pages() {
      yield records.slice(0, 300)
      throw new Error('the disk of the store failed')
    },
  }
  await assert.rejects(writeRecords(file, rootKey, failing, { force: true }), /the disk of the store failed/)
  assert.deepEqual(await allRecords(file, keys), records)
  assert.deepEqual(readdirSync(folder), ['a.backup'])
})

test('a backup is given up rather than fill the disk', async (t) => {
  const { folder, file, rootKey } = await place(t)
  await assert.rejects(
    writeRecords(file, rootKey, dumpOf(records), { freeBytesMin: Number.MAX_SAFE_INTEGER }),
    /is nearly full: the backup was given up/,
  )
  assert.deepEqual(readdirSync(folder), [])
})
