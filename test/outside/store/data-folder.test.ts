// What others may write is not used: a folder or file of somebody else, one that others may write, and links.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { skipOrFail } from '../../support/server/skip.ts'
import { openSqlite, storeFolder } from '../../support/store/store-place.ts'
import { create, objectRecord } from '../../support/store/store-values.ts'

/** A database in a folder of its own, closed. */
async function someDatabase(t: TestContext): Promise<string> {
  const file = path.join(await storeFolder(t), 'data', 'mortise.db')
  const store = await openSqlite(t, file)
  await create(store, objectRecord('a'))
  await store.close()
  return file
}

async function refused(t: TestContext, file: string, reason: RegExp): Promise<void> {
  await assert.rejects(openSqlite(t, file), (error) => {
    assert.ok(error instanceof StoreUnavailable)
    assert.equal(error.why, 'unavailable')
    assert.match(error.message, reason)
    assert.match(error.message, /Nothing was changed/)
    return true
  })
}

for (const [who, mode] of [
  ['a group', 0o770],
  ['everybody', 0o707],
] as const)
  test(`a data folder that ${who} may write is refused, and says how to end that`, async (t) => {
    const file = await someDatabase(t)
    const folder = path.dirname(file)
    chmodSync(folder, mode)
    await refused(t, file, new RegExp(`others may write the data folder .*chmod go-w ${folder}`))
    chmodSync(folder, mode & 0o755)
    await (await openSqlite(t, file)).close()
  })

test('a database that others may write is refused', async (t) => {
  const file = await someDatabase(t)
  chmodSync(file, 0o622)
  await refused(t, file, /others may write .*mortise\.db \(mode 0622\).*chmod go-w/)
})

test('a folder and a file of another user are refused', async (t) => {
  if (process.getuid?.() !== 0) return skipOrFail(t, 'needs root, to give files to another user')
  const file = await someDatabase(t)
  chownSync(file, 12_345, 0)
  await refused(t, file, /mortise\.db belongs to another user \(uid 12345\).*runs as \(uid 0\)/)
  chownSync(file, 0, 0)
  chownSync(path.dirname(file), 12_345, 0)
  await refused(
    t,
    file,
    /the data folder .* belongs to another user \(uid 12345\) .*root\).*Give the command as that user: runuser -u USER --/,
  )
})

for (const suffix of ['', '-wal', '-journal', '.lock', '.reserve', '.anchor', '.anchor.new'])
  test(`a link in the place of mortise.db${suffix} is refused, and what it leads to is as it was`, async (t) => {
    const file = await someDatabase(t)
    const target = path.join(path.dirname(file), '..', 'target')
    if (existsSync(file + suffix)) renameSync(file + suffix, target)
    else writeFileSync(target, 'something else')
    const before = readFileSync(target)
    symlinkSync(target, file + suffix)
    await refused(t, file, new RegExp(`mortise\\.db${suffix} is a link, and links are not followed`))
    assert.ok(before.equals(readFileSync(target)))
  })

test('a folder that may not be written says so, and so does one in which none can be made', async (t) => {
  const folder = await storeFolder(t)
  const user = process.getuid?.() === 0 ? 12_345 : (process.getuid?.() ?? 0)
  chmodSync(folder, 0o500)
  chownSync(folder, user, user)
  const source = new URL('../../../src/outside/store/data-folder.ts', import.meta.url).href
  const script = `
    import { mkdirSync } from 'node:fs'
    import { cannotMakeFolder, refuseUnsafeFolder } from '${source}'
    if (process.getuid() === 0) {
      process.setgid(${user})
      process.setuid(${user})
    }
    const said = (work) => {
      try {
        work()
      } catch (error) {
        console.log(error.message)
      }
    }
    said(() => refuseUnsafeFolder('${folder}/mortise.db'))
    try {
      mkdirSync('${folder}/deep/data', { recursive: true })
    } catch (error) {
      console.log(cannotMakeFolder('${folder}/deep/data', error).message)
    }`
  const words = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script]
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', cwd: '/' })
  const [written, made] = stdout.split('\n')
  assert.equal(
    written,
    `the data folder ${folder} may not be written by the user of this process. Nothing was changed. Run: chmod u+rwx ${folder}`,
    stderr,
  )
  assert.match(
    made ?? '',
    /\/deep\/data cannot be made: .* may not be written by the user of this process\. Nothing was changed/,
  )
  assert.match(made ?? '', /or name another one: --data DIR$/)
})

test('a link that leads nowhere makes no file there', async (t) => {
  const folder = await storeFolder(t)
  symlinkSync(path.join(folder, 'nowhere'), path.join(folder, 'mortise.db'))
  await refused(t, path.join(folder, 'mortise.db'), /is a link/)
  assert.equal(existsSync(path.join(folder, 'nowhere')), false)
})

test('a database with a second name, or a folder in its place, is refused', async (t) => {
  const file = await someDatabase(t)
  linkSync(file, path.join(path.dirname(file), '..', 'second'))
  await refused(t, file, /has another name too \(a hard link\)/)
  const other = path.join(path.dirname(file), 'other.db')
  mkdirSync(other)
  await refused(t, other, /other\.db is not a file/)
})

test('the folder itself may be reached through a link', async (t) => {
  const file = await someDatabase(t)
  const link = path.join(path.dirname(file), '..', 'link')
  symlinkSync(path.dirname(file), link)
  const store = await openSqlite(t, path.join(link, 'mortise.db'))
  assert.ok(await store.object('instance-1', 'a'))
})
