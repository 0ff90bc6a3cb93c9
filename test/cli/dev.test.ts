// `mortise dev` before it starts a server. test/real/processes/dev.test.ts has the rest.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { command } from '../support/command.ts'

test('a file that is there is neither replaced nor removed: a project may have an .env of its own', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-env-out-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, '.env')
  writeFileSync(file, 'MINE=1\n')
  const refused = await command(['dev', '--kmip', 'nowhere', '--env-out', file])
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /\.env exists already; it is not overwritten\n.*--force/)
  assert.equal(readFileSync(file, 'utf8'), 'MINE=1\n')
})
