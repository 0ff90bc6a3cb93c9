// The mode of a root key file: tightened where this process owns the file, and left to its owner elsewhere.

import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { isOpenMode, modeText, tightenMode } from '../../../src/outside/rootkey/file-mode.ts'

const folder = await mkdtemp(path.join(tmpdir(), 'mortise-mode-'))
after(() => rm(folder, { recursive: true }))

async function modeAfter(mode: number, ownUid?: number): Promise<readonly (number | null)[]> {
  const file = path.join(folder, 'root.key')
  await writeFile(file, 'x')
  await chmod(file, mode)
  const former = await tightenMode(file, ownUid)
  return [(await stat(file)).mode & 0o777, former && former & 0o777]
}

test('an own file is tightened, which returns the former mode, and keeps a mode that is not open', async () => {
  assert.deepEqual(await modeAfter(0o640), [0o600, 0o640])
  assert.deepEqual(await modeAfter(0o666), [0o600, 0o666])
  assert.deepEqual(await modeAfter(0o400), [0o400, null])
})

test('the file of another user stays as it is, and so does what is not there', async () => {
  assert.deepEqual(await modeAfter(0o640, 54_321), [0o640, null])
  assert.equal(await tightenMode(path.join(folder, 'none')), null)
})

test('open is whatever others may do with it', () => {
  assert.deepEqual([0o600, 0o700, 0o400].map(isOpenMode), [false, false, false])
  assert.deepEqual([0o640, 0o604, 0o610, 0o602].map(isOpenMode), [true, true, true, true])
  assert.equal(modeText(0o100640), '0640')
})
