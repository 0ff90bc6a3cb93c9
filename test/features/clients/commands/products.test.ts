// `client issue --for`: a client of a product gets what that needs, in an instance that fits it, and its person is told what to
// paste where.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { ruleFlags } from '../../../../src/features/clients/products/product.ts'
import { productNames, productOf } from '../../../../src/features/clients/products/table.ts'
import { allow } from '../../../../src/doors/http/schemas.ts'
import { makeCertificate } from '../../../support/certificates/certificates.ts'
import { leaveDoor, startDoor, type TestDoor } from '../../../support/server/admin-door.ts'
import { command } from '../../../support/server/command.ts'
import type { CommandResult } from '../../../support/server/server.ts'

let door: TestDoor
const data = mkdtempSync(path.join(tmpdir(), 'mortise-products-'))
before(async () => {
  door = await startDoor()
  await leaveDoor(door, data)
})
after(async () => {
  await door.close()
  rmSync(data, { recursive: true, force: true })
})

const run = (...words: string[]): Promise<CommandResult> => command(words, { data })
const out = (name: string): string => path.join(data, name)
const issue = (name: string, ...more: string[]): Promise<CommandResult> =>
  run('client', 'issue', '--instance', 'red', '--name', name, '--out', out(name), ...more)
const mayAskFor = async (name: string): Promise<readonly string[]> =>
  (
    JSON.parse((await run('client', 'show', name, '--instance', 'red', '--json')).stdout) as {
      allow: string[]
    }
  ).allow

test('an instance with other rules than the product needs is refused with the command that sets them, and then does', async () => {
  const refused = await issue('rook-1', '--for', 'rook')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /Rook needs --lengths as-sent, and the instance red is set otherwise\n/)
  const [, hint = ''] = /: mortise (instance set red --lengths as-sent)\n/.exec(refused.stderr) ?? []
  assert.ok(!existsSync(out('rook-1')), 'nothing is left behind')
  assert.equal((await run(...hint.split(' '))).code, 0)
  const issued = await issue('rook-1', '--for', 'rook')
  assert.equal(issued.code, 0, issued.stderr)
  assert.match(issued.stdout, /Now in Rook:\n {2}KMS_PROVIDER: kmip\n {2}KMIP_ENDPOINT: \S+:\d+\n/)
  assert.ok(issued.stdout.includes(`CLIENT_KEY, in the secret: the content of ${out('rook-1')}/client.key\n`))
  assert.doesNotMatch(issued.stdout, /vCenter/)
  assert.deepEqual(await mayAskFor('rook-1'), ['Register', 'Get', 'Destroy'])
  const strict = await run('instance', 'set', 'red', '--lengths', 'strict')
  assert.equal(strict.code, 0, strict.stderr)
})

test('a product that needs unique names is refused where they are shared', async () => {
  assert.equal((await run('instance', 'set', 'red', '--names', 'shared')).code, 0)
  const refused = await issue('pg', '--for', 'pg-tde')
  assert.match(refused.stderr, /mortise instance set red --names unique\n/)
  assert.equal((await run('instance', 'set', 'red', '--names', 'unique')).code, 0)
  assert.equal((await issue('pg', '--for', 'pg-tde')).code, 0)
})

test('an unknown product is answered with all of them and the nearest, and --allow does not stand beside --for', async () => {
  const unknown = await issue('x', '--for', 'rok')
  assert.equal(unknown.code, 2)
  assert.match(
    unknown.stderr,
    /rok is no product of the table: it has vcenter, rook, .*; did you mean `rook`\?/,
  )
  for (const name of productNames) assert.ok(unknown.stderr.includes(name), name)
  const both = await issue('x', '--for', 'veeam', '--allow', 'all')
  assert.equal(both.code, 2)
  assert.match(both.stderr, /--for veeam says what the client may ask for \(Locate,Get,/)
  assert.ok(!existsSync(out('x')))
})

test('the admin API takes the product when it signs and trusts, by the same rules', async () => {
  const token = await door.token('manager', door.red)
  const { certificate } = await makeCertificate({ key: 'ec' })
  const trust = (more: object) =>
    door.ask('POST', '/api/v1/instances/red/clients', {
      token: token,
      body: { by: 'certificate', name: 'vast-1', certificate: certificate.pem, ...more },
    })
  const both = await trust({ product: 'vast', allow: ['all'] })
  assert.equal(both.status, 400)
  assert.match(both.text, /body.allow: stands beside product/)
  const unknown = await trust({ product: 'vastt' })
  assert.equal(unknown.status, 400)
  assert.match(unknown.text, /vastt is no product of the table: .*did you mean `vast`/)
  assert.equal((await trust({ product: 'barbican' })).status, 409)
})

test('client trust --for grants the rights of the product, and says what to set in it', async () => {
  const { certificate } = await makeCertificate({ key: 'ec' })
  const words = ['client', 'trust', '--instance', 'red', '--name', 'vast-2', '--cert', '-', '--for', 'vast']
  const trusted = await command(words, { data, input: certificate.pem })
  assert.equal(trusted.code, 0, trusted.stderr)
  assert.match(trusted.stdout, /Now in VAST:\n {2}KMIP server: /)
  assert.deepEqual(await mayAskFor('vast-2'), productOf('vast').allow)
})

test('every line of the table can be granted and set', async () => {
  const titles = new Set<string>()
  for (const name of productNames) {
    const { title, allow: terms, rules } = productOf(name)
    titles.add(title)
    assert.deepEqual(allow.parse([...terms]), [...terms], name)
    const flags = ruleFlags(rules)
    if (flags !== '') assert.equal((await run('instance', 'set', 'red', ...flags.split(' '))).code, 0, name)
  }
  assert.equal(titles.size, productNames.length)
})

test('client products lists them without a server, and shows one with its settings', async () => {
  const list = await command(['client', 'products'], { data: '/nowhere' })
  assert.equal(list.code, 0, list.stderr)
  for (const name of productNames) assert.match(list.stdout, new RegExp(`^${name} `, 'm'))
  const one = await command(['client', 'products', 'barbican', '--json'], { data: '/nowhere' })
  const shown = JSON.parse(one.stdout) as { instance: object; settings: { setting: string; value: string }[] }
  assert.deepEqual(shown.instance, { names: 'shared' })
  assert.ok(shown.settings.some(({ setting, value }) => setting === 'certfile' && value === 'DIR/client.pem'))
  assert.equal((await command(['client', 'products', 'nothing'])).code, 2)
})
