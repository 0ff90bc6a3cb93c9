// Whether a server counts as unused, so that its start names the first token: also when the first start failed after it was made.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { bootstrap, isUnused, writeWhole } from '../../src/host/first-start.ts'
import { sha256Of } from '../../src/core/trust/token-changes.ts'
import { openCore, trustClient } from '../support/server/core.ts'
import { storeFolder } from '../support/store/store-place.ts'

test('it is unused until a client is trusted, and elsewhere than where the first token is', async (t) => {
  const core = await openCore(t)
  const dataFolder = await storeFolder(t)
  const { access, trust } = core
  await bootstrap({ access, trust, dataFolder, rootKeyUri: core.rootKey.uri })
  assert.equal(await isUnused(access, dataFolder), true)
  await bootstrap({ access, trust, dataFolder, rootKeyUri: core.rootKey.uri })
  assert.equal(await isUnused(access, dataFolder), true, 'after a start that failed, too')
  assert.equal(await isUnused(access, path.dirname(dataFolder)), false)
  const instance = await access.instance('default')
  assert.ok(instance)
  await trustClient(core, instance)
  assert.equal(await isUnused(access, dataFolder), false)
})

test('of two nodes that start at once on a new database one makes the first instance and the first token, and both start', async (t) => {
  const core = await openCore(t)
  const { access, trust } = core
  const folders = [await storeFolder(t), await storeFolder(t)]
  await Promise.all(
    folders.map((dataFolder) => bootstrap({ access, trust, dataFolder, rootKeyUri: core.rootKey.uri })),
  )
  const { tables } = await access.snapshot()
  assert.deepEqual([tables.instance.size, tables.token.size], [1, 1])
  const files = folders.map((folder) => path.join(folder, 'admin-token')).filter((file) => existsSync(file))
  const [token] = tables.token.values()
  assert.deepEqual(
    files.map((file) => sha256Of(readFileSync(file, 'utf8').trim())),
    [token?.sha256],
  )
})

test('a file that cannot be put in its place leaves nothing beside it: it may hold a token', async (t) => {
  const folder = await storeFolder(t)
  const file = path.join(folder, 'written')
  await writeWhole(file, 'whole', 0o600)
  assert.deepEqual([readFileSync(file, 'utf8'), statSync(file).mode & 0o777], ['whole', 0o600])
  mkdirSync(path.join(folder, 'taken'))
  await assert.rejects(writeWhole(path.join(folder, 'taken'), 'secret', 0o600), /EISDIR/)
  assert.deepEqual(readdirSync(folder).toSorted(), ['taken', 'written'])
})
