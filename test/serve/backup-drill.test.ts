// What drills that were killed left in the temporary folder is removed, and nothing else.

import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { removeLeftDrills } from '../../src/serve/backup-drill.ts'
import { storeFolder } from '../support/store-place.ts'

test('only old folders of drills of the same user go', async (t) => {
  const parent = await storeFolder(t)
  const inParent = (name: string) => path.join(parent, name)
  for (const name of ['mortise-drill-old', 'mortise-drill-new', 'mortise-store-old', 'elsewhere'])
    mkdirSync(inParent(name))
  for (const name of ['mortise-drill-old', 'elsewhere']) writeFileSync(inParent(`${name}/mortise.db`), 'x')
  writeFileSync(inParent('mortise-drill-file'), 'x')
  symlinkSync(inParent('elsewhere'), inParent('mortise-drill-link'))
  for (const name of readdirSync(parent))
    if (!name.endsWith('new') && !name.endsWith('link')) utimesSync(inParent(name), 1, 1)
  const all = readdirSync(parent)
  const uid = process.getuid?.() ?? assert.fail('no user id')
  const beforeMs = Date.now() - 3600_000
  await removeLeftDrills(parent, { uid: uid + 1, beforeMs })
  assert.deepEqual(readdirSync(parent), all, "another user's")
  await removeLeftDrills(parent, { uid, beforeMs })
  assert.deepEqual(
    readdirSync(parent),
    all.filter((name) => name !== 'mortise-drill-old'),
  )
  assert.deepEqual(readdirSync(inParent('elsewhere')), ['mortise.db'])
})
