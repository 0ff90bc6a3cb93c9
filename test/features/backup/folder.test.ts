// Which backups may go, and that the folder tells the backups of this server from everything else in it.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { BackupFolder, expired } from '../../../src/features/backup/folder.ts'
import { backupLeftMs } from '../../../src/features/backup/folder.ts'
import { dumpedObject, dumpOf, writeRecords } from '../../support/store/backup-files.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { storeFolder } from '../../support/store/store-place.ts'

const hour = 3600_000
const clock = new MovableClock()
const ages = (hours: readonly number[]) =>
  hours.map((age) => ({ age, createdMs: 1000 * 24 * hour + 12 * hour - age * hour }))

test('the newest backups stay, and the newest of each of some days', () => {
  const backups = ages([0, 1, 2, 3, 20, 24, 30, 48, 72])
  const gone = (keepLast: number, keepDaily: number) =>
    expired(backups, keepLast, keepDaily).map(({ age }) => age)
  assert.deepEqual(gone(2, 0), [2, 3, 20, 24, 30, 48, 72])
  assert.deepEqual(gone(2, 3), [2, 3, 24, 30, 72], 'today 0, yesterday 20, the day before 48')
  assert.deepEqual(gone(1, 0), [1, 2, 3, 20, 24, 30, 48, 72], 'never the newest')
  assert.deepEqual(gone(100, 0), [])
})

test('before the first backup there is no folder, and nothing is looked for in it', async (t) => {
  const place = path.join(await storeFolder(t), 'backups')
  const folder = new BackupFolder(place, 'server-1', 'server-1', clock)
  await folder.tidy()
  assert.deepEqual([await folder.list(), await folder.state(), existsSync(place)], [[], {}, false])
  await folder.prepare()
  assert.equal(statSync(place).mode & 0o777, 0o700)
})

test('the list has what is a backup of this server, newest first, and prepare removes what this server left half', async (t) => {
  const place = await storeFolder(t)
  const folder = new BackupFolder(place, 'server-1', 'server-1', clock)
  for (const name of ['b', 'a'])
    await writeRecords(path.join(place, `${name}.backup`), new FaultyRootKey(), dumpOf([dumpedObject('x')]))
  writeFileSync(path.join(place, 'broken.backup'), 'mortise backup 1\n')
  writeFileSync(path.join(place, 'half.backup.server-1.partial'), 'half')
  // The first may be under way, and the others are none of this server's.
  const ofOthers = [
    'half.backup.server-1-node.partial',
    'half.backup.server-2.partial',
    'long.backup.server-2.partial',
  ]
  for (const name of [...ofOthers, 'long.backup.server-1-gone.partial']) {
    writeFileSync(path.join(place, name), 'half')
    const ageMs = name.startsWith('long') ? backupLeftMs + hour : backupLeftMs - hour
    utimesSync(path.join(place, name), clock.now() / 1000, (clock.now() - ageMs) / 1000)
  }
  await folder.prepare()
  assert.deepEqual(readdirSync(place).toSorted(), ['a.backup', 'b.backup', 'broken.backup', ...ofOthers])
  assert.equal((await folder.list()).length, 2)
  assert.deepEqual(
    await new BackupFolder(place, 'server-2', 'server-2', clock).list(),
    [],
    "another server's are none of its own",
  )
  const other = new BackupFolder(place, 'server-2', 'server-2', clock)
  await other.note({ verified: { id: 'y', atMs: 3 } })
  assert.deepEqual(await folder.state(), {}, "another server's state is none of its own")
  await folder.note({ failure: { atMs: 1, message: 'full' } })
  await folder.note({ verified: { id: 'x', atMs: 2 } })
  assert.deepEqual(await folder.state(), {
    failure: { atMs: 1, message: 'full' },
    verified: { id: 'x', atMs: 2 },
  })
  assert.deepEqual(await other.state(), { verified: { id: 'y', atMs: 3 } })
})

test('of two notes at the same moment none is lost', async (t) => {
  const folder = new BackupFolder(await storeFolder(t), 'server-1', 'server-1', clock)
  const verified = { id: 'a', atMs: 1 }
  await Promise.all([folder.note({ verified }), folder.note({ failure: null })])
  assert.deepEqual(await folder.state(), { verified, failure: null })
})
