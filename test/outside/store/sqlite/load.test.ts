// A restore that is killed leaves nothing that starts as a store, and the next attempt begins again.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { StoreUnavailable } from '../../../../src/core/ports/store.ts'
import type { DumpedRecord } from '../../../../src/core/ports/backup.ts'
import { openSqliteDump } from '../../../../src/outside/store/sqlite/dump.ts'
import { sqliteLoader } from '../../../../src/outside/store/sqlite/load.ts'
import { dumpedObject } from '../../../support/store/backup-files.ts'
import { emptyDisk, fillDisk, mountSmallDisk } from '../../../support/store/small-disk.ts'
import { openSqlite, storeFolder } from '../../../support/store/store-place.ts'

async function* nothing() {
  yield [{ type: 'trustVersion', value: 0 }] as const
}

const objects = 500

async function* many() {
  for (let n = 0; n < objects; n += 50)
    yield Array.from({ length: 50 }, (_, at) => dumpedObject(`o${n + at}`, Buffer.alloc(4_000, 'a')))
}

test('a half-filled database beside its place is refused at a start, and replaced by the next restore', async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  for (const suffix of ['', '-wal', '.lock'])
    writeFileSync(`${file}.restoring${suffix}`, 'half', { mode: 0o600 })
  await assert.rejects(openSqlite(t, file), /a restore into .* did not end.*mortise restore/)
  assert.equal(existsSync(file), false, 'nothing was begun again')
  await sqliteLoader(file, 1)(nothing(), [])
  assert.deepEqual(readdirSync(path.dirname(file)), ['mortise.db', 'mortise.db.lock'])
  await openSqlite(t, file)
})

test('two restores into one folder at once: one makes the whole store, the other one is refused', async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  async function* slowly() {
    for await (const page of many()) {
      yield page
      begun.resolve()
      await goOn.promise
    }
  }
  const first = sqliteLoader(file, 1)(slowly(), [])
  await begun.promise
  const second = assert.rejects(
    sqliteLoader(file, 1)(nothing(), []),
    (error) => error instanceof StoreUnavailable && error.why === 'busy',
  )
  await second.finally(goOn.resolve)
  await first
  assert.equal(await countIn(file), objects)
})

test('names that objects shared where the dump was made are shared where it is loaded', async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  await sqliteLoader(file, 1)(sharing(), [])
  const store = await openSqlite(t, file)
  const expect = { uniqueNames: 'instance-1' }
  const change = { expect, writes: [], entries: [], durability: 'disk' } as const
  await assert.rejects(store.commit(change), /several objects have the name one/)
})

async function* sharing() {
  yield ['a', 'b'].map((id) => {
    const object = dumpedObject(id) as DumpedRecord & { readonly type: 'object' }
    return { ...object, value: { ...object.value, names: ['one'] } }
  })
}

test('on a disk of any fullness a load makes the whole store, or none and says that the disk is full', async (t) => {
  const disk = await mountSmallDisk(t, async () => undefined)
  if (disk === undefined) return
  const file = path.join(disk, 'mortise.db')
  const results = new Set<boolean>()
  for (let leftKib = 2_600; leftKib <= 6_500; leftKib += 300) {
    fillDisk(disk, leftKib * 1024)
    const error: unknown = await sqliteLoader(file, 1)(many(), []).catch((cause: unknown) => cause)
    const whole = error === undefined
    results.add(whole)
    if (!whole) assert.ok(error instanceof StoreUnavailable && error.why === 'full', inspect(error))
    emptyDisk(disk)
    assert.deepEqual(
      readdirSync(disk),
      whole ? ['mortise.db', 'mortise.db.lock'] : [],
      `with ${leftKib} KiB left`,
    )
    if (whole) assert.equal(await countIn(file), objects, `with ${leftKib} KiB left`)
    for (const suffix of ['', '-wal', '-shm', '.lock']) rmSync(file + suffix, { force: true })
  }
  assert.equal(results.size, 2, 'some had too little room, and some enough')
})

async function countIn(file: string): Promise<number> {
  const dump = openSqliteDump(file)
  let count = 0
  for await (const page of dump.pages()) count += page.filter(({ type }) => type === 'object').length
  await dump.close()
  return count
}
