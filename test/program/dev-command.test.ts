// `mortise dev` before it starts a server. test/real/processes/dev.test.ts has the rest.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { productOf } from '../../src/features/clients/products/table.ts'
import { devNeeds } from '../../src/program/dev-clients.ts'
import { command } from '../support/server/command.ts'

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

test('`dev --for` allows a client what the table of products names, and sets the rules of its instance', () => {
  assert.deepEqual(devNeeds(['ceph']), { allow: ['Locate', 'Get'], rules: {} })
  assert.deepEqual(devNeeds(['mysql']).allow, productOf('mysql').allow)
  const { allow, rules } = devNeeds(['mongodb', 'pykmip'])
  for (const operation of ['Register', 'Encrypt', 'GetAttributes', 'all'])
    assert.ok(allow.includes(operation), operation)
  assert.deepEqual(rules, { names: 'shared' })
})
