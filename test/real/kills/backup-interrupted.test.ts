// A backup or a restore that is killed in the middle, or meets a full disk: there is no half of one, the last good one stays,
// and the next attempt succeeds.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { readManifest } from '../../../src/core/backup/read.ts'
import { openSqliteDump } from '../../../src/outside/store/sqlite/dump.ts'
import { makeLargeStore } from './large-store.ts'
import { until } from '../../support/time/until.ts'
import { restoreInto } from '../../support/server/restored.ts'
import { startInProcess } from '../../support/server/running.ts'
import { startEmbedded, startServer } from '../../support/server/server.ts'
import { emptyDisk, fillDisk, mountSmallDisk } from '../../support/store/small-disk.ts'

const objects = 12_000
const mib = 1024 * 1024
let folder: string
let data: string
/** Whole, of all objects. */
let backup: string
before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mortise-interrupted-'))
  data = path.join(folder, 'data')
  backup = path.join(folder, 'a.backup')
  await makeLargeStore(data, objects)
})
after(() => rmSync(folder, { recursive: true, force: true }))

const backups = () => path.join(data, 'backups')
const files = (ending: string) =>
  existsSync(backups()) ? readdirSync(backups()).filter((name) => name.endsWith(ending)) : []

test('a server that is killed in the middle of a backup leaves none, and removes what it left at its next start', async () => {
  const killed = await startServer({ data })
  const asked = killed.cli('backup', 'create')
  await until(() => files('.partial').length > 0, 'a partial file')
  await killed.kill()
  assert.notEqual((await asked).code, 0)
  assert.deepEqual(files('.backup'), [])
  assert.equal(files('.partial').length, 1)
  await using server = await startEmbedded({ data })
  await until(() => files('.partial').length === 0, 'the removal of the partial file')
  const made = await server.cli('backup', 'create', backup)
  assert.equal(made.code, 0, made.stderr)
  assert.equal((await readManifest(backup)).instances[0]?.objects, objects)
})

test('a restore of an instance into a running server, killed in the middle, shows nothing of it, and can be repeated', async () => {
  const target = path.join(folder, 'running')
  const words = ['restore', backup, '--instance', 'default', '--name', 'back', '--yes', '--json']
  const key = ['--root-key', `file:${data}/root.key`]
  const killed = await startServer({ data: target })
  const asked = killed.cli(...words, ...key)
  await until(() => objectsIn(target) > 0, 'some objects')
  await killed.kill()
  assert.notEqual((await asked).code, 0)
  const written = objectsIn(target)
  assert.ok(written > 0 && written < objects, `${written} objects were written`)

  await using server = await startServer({ data: target })
  const names = async () =>
    ((await server.json('instance', 'list')) as { name: string }[]).map(({ name }) => name)
  assert.deepEqual(await names(), ['default'])
  const [first, second] = await Promise.all([server.cli(...words, ...key), server.cli(...words, ...key)])
  const [done, refused] = first.code === 0 ? [first, second] : [second, first]
  assert.equal(done.code, 0, done.stderr)
  assert.match(refused.stderr, /another restore is under way|already: it is never overwritten/)
  assert.equal(objectsIn(target), objects)
  assert.deepEqual((await names()).toSorted(), ['back', 'default'])
  assert.equal(
    existsSync(path.join(target, 'uploads')) && readdirSync(path.join(target, 'uploads')).length > 0,
    false,
  )
})

function objectsIn(target: string): number {
  const database = new DatabaseSync(path.join(target, 'mortise.db'), { readOnly: true })
  const row = database.prepare('SELECT count(*) AS count FROM objects').get()
  database.close()
  return Number(row?.['count'])
}

test('a restore that is killed leaves no database, is refused at a start, and can be repeated', async () => {
  const target = path.join(folder, 'killed')
  const restoring = path.join(target, 'mortise.db.restoring')
  const main = path.resolve(import.meta.dirname, '../../../src/program/main.ts')
  const words = ['restore', backup, '--data', target, '--root-key', `file:${data}/root.key`, '--yes']
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...words], {
    stdio: 'ignore',
  })
  await until(() => existsSync(restoring) || child.exitCode !== null, 'the restore')
  child.kill('SIGKILL')
  await once(child, 'close')
  assert.equal(existsSync(path.join(target, 'mortise.db')), false)
  await assert.rejects(startInProcess(target), /a restore into .* did not end/)
  await restoreInto(target, backup, '--yes')
  assert.deepEqual(readdirSync(target).toSorted(), ['mortise.db', 'mortise.db.lock', 'root.key'])
  const dump = openSqliteDump(path.join(target, 'mortise.db'))
  assert.deepEqual(Object.values(dump.counts.objects), [objects])
  await dump.close()
})

test('a full disk keeps the last good backup, and status says so', async (t) => {
  const servers: { stop(): Promise<unknown> }[] = []
  const disk = await mountSmallDisk(t, () => Promise.all(servers.map((server) => server.stop())))
  if (disk === undefined) return
  const kept = path.join(folder, 'small')
  const small = await startServer({ data: kept, env: { MORTISE_BACKUP_FOLDER: disk } })
  servers.push(small)
  assert.equal((await small.cli('backup', 'create')).code, 0)
  const good = readdirSync(disk).filter((name) => name.endsWith('.backup'))
  fillDisk(disk, 2 * mib)
  const failed = await small.cli('backup', 'create')
  assert.equal(failed.code, 1)
  assert.match(failed.stderr, /nearly full: the backup was given up/)
  assert.deepEqual(
    readdirSync(disk).filter((name) => /\.(backup|partial)$/.test(name)),
    good,
  )
  const { conditions } = (await small.json('status')) as { conditions: { id: string; message: string }[] }
  assert.match(conditions.find(({ id }) => id === 'backup-failed')?.message ?? '', /nearly full/)
  emptyDisk(disk)
  assert.equal((await small.cli('backup', 'create')).code, 0)
  const again = (await small.json('status')) as { conditions: { id: string }[] }
  assert.ok(!again.conditions.some(({ id }) => id === 'backup-failed'))
})

test('a restore onto a full disk leaves nothing, and can be repeated with room', async (t) => {
  const disk = await mountSmallDisk(t, async () => undefined)
  if (disk === undefined) return
  const target = path.join(disk, 'data')
  fillDisk(disk, 8 * mib)
  await assert.rejects(restoreInto(target, backup, '--root-key', `file:${data}/root.key`, '--yes'), /full/)
  assert.deepEqual(readdirSync(target), ['root.key'])
  emptyDisk(disk)
  await restoreInto(target, backup, '--yes')
  assert.ok(existsSync(path.join(target, 'mortise.db')))
})
