// A restore that is killed leaves nothing that starts as a store, and the next attempt begins anew.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { sqliteLoader } from '../../src/store/load.ts'
import { openSqlite, storeFolder } from '../support/store-place.ts'

async function* nothing() {
  yield [{ type: 'trustVersion', value: 0 }] as const
}

test('a half-filled database beside its place is refused at a start, and replaced by the next restore', async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  for (const suffix of ['', '-wal', '.lock'])
    writeFileSync(`${file}.restoring${suffix}`, 'half', { mode: 0o600 })
  await assert.rejects(openSqlite(t, file), /a restore into .* did not end.*mortise restore/)
  assert.equal(existsSync(file), false, 'nothing was begun anew')
  await sqliteLoader(file, 1)(nothing(), [])
  assert.deepEqual(readdirSync(path.dirname(file)), ['mortise.db'])
  await openSqlite(t, file)
})
