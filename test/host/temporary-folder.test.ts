// What killed processes left in the temporary folder is removed, and nothing else.

import assert from 'node:assert/strict'
import { chownSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { openTemporaryFolder } from '../../src/host/temporary-folder.ts'
import { storeFolder } from '../support/store/store-place.ts'

test('only folders with the same prefix that nobody uses go', async (t) => {
  const parent = await storeFolder(t)
  const inParent = (name: string) => path.join(parent, name)
  for (const name of ['mortise-drill-left', 'mortise-dev-left', 'elsewhere']) mkdirSync(inParent(name))
  for (const name of ['mortise-drill-left', 'elsewhere']) writeFileSync(inParent(`${name}/mortise.db`), 'x')
  writeFileSync(inParent('mortise-drill-file'), 'x')
  symlinkSync(inParent('elsewhere'), inParent('mortise-drill-link'))
  // Only root can make a folder of another user.
  if (process.getuid?.() === 0) {
    mkdirSync(inParent('mortise-drill-of-another'))
    chownSync(inParent('mortise-drill-of-another'), 4321, 4321)
  }
  const others = readdirSync(parent).filter((name) => name !== 'mortise-drill-left')
  {
    await using first = await openTemporaryFolder('mortise-drill-', parent)
    assert.equal(statSync(first.folder).mode & 0o777, 0o700)
    await using second = await openTemporaryFolder('mortise-drill-', parent)
    assert.deepEqual(
      readdirSync(parent).toSorted(),
      [...others, path.basename(first.folder), path.basename(second.folder)].toSorted(),
    )
    assert.ok(existsSync(first.folder), 'it is in use')
  }
  assert.deepEqual(readdirSync(parent), others)
  assert.deepEqual(readdirSync(inParent('elsewhere')), ['mortise.db'])
})
