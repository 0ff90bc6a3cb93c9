// `mortise dev` before it starts a server. test/real/processes/dev.test.ts has the rest.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { allow } from '../../src/doors/http/schemas.ts'
import { devClients } from '../../src/program/dev-clients.ts'
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

test('what `dev --for` allows a client is what docs/clients.md names, in words that --allow takes', () => {
  const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/clients.md'), 'utf8')
  const rows = page.split('\n').filter((line) => /^\| \[.*\]\(.*\) /.test(line))
  const lists = new Map(
    rows.map((row) => {
      const [, product = '', , , list = ''] = row.split('|').map((cell) => cell.trim())
      return [
        product.replaceAll(/\[|\].*/g, ''),
        [...list.matchAll(/`([\w,]+)`/g)].map(([, terms = '']) => terms),
      ]
    }),
  )
  assert.ok(lists.size > 15, String(lists.size))
  for (const [product, all] of lists)
    for (const terms of all) assert.ok(allow.safeParse(terms.split(',')).success, `${product}: ${terms}`)
  const named = (product: string) => new Set(lists.get(product)?.flatMap((terms) => terms.split(',')))
  assert.deepEqual(new Set<string>(devClients.ceph.allow), named('Ceph RGW'))
  assert.deepEqual(new Set<string>(devClients.mysql.allow), named('MySQL'))
  for (const operation of named('MongoDB'))
    assert.ok(
      devClients.mongodb.allow.some((one) => one === operation),
      operation,
    )
})
