// An operator's commands: instances, tokens, clients' settings, new keys, status. Against the real server, locally and
// from elsewhere with a token of one instance.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { clientCertificate, makeCertificate } from '../support/certificates/certificates.ts'
import { command } from '../support/server/command.ts'
import { startInProcess, type RunningServer } from '../support/server/running.ts'
import type { CommandResult } from '../support/server/server.ts'

let server: RunningServer
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-cli-'))
const inFolder = (name: string): string => path.join(folder, name)
before(async () => {
  server = await startInProcess()
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const cli = (...words: string[]): Promise<CommandResult> => command(words, { data: server.data })

async function said(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(...words)
  assert.equal(code, 0, `${words.join(' ')}: ${stderr}`)
  return stdout
}

async function json<T>(...words: string[]): Promise<T> {
  return JSON.parse(await said(...words, '--json')) as T
}

async function fails(words: readonly string[], stderr: RegExp): Promise<void> {
  const result = await cli(...words)
  assert.equal(result.code, 1, result.stdout)
  assert.match(result.stderr, stderr)
}

interface Named {
  readonly id: string
  readonly name: string
}

test('an instance: create, show, set, and delete only what is empty', async () => {
  const made = await json<Named>(
    'instance',
    'create',
    'prod',
    '--root-key',
    'file:prod.key',
    '--cache-seconds',
    '60',
  )
  assert.equal(made.name, 'prod')
  assert.match(
    await said('instance', 'show', 'prod'),
    /Cache: +60 s, and 3600 s.*Objects: +none\nClients: +0/s,
  )
  assert.match(await said('instance', 'set', 'prod', '--name', 'live', '--portable', 'yes'), /Portable: +yes/)
  const limited = ['instance', 'set', 'live', '--objects-max', '50', '--bytes-max', '1.5GiB']
  const { code, stderr } = await cli(...limited)
  assert.equal(code, 2)
  assert.match(stderr, /--bytes-max takes a size such as 500MiB/)
  assert.match(
    await said(...limited.slice(0, -1), '1536MiB'),
    /May hold: +50 objects, 1.5 GiB in the database/,
  )
  assert.match(await said('instance', 'show', 'live'), /Used: +0 of 50 objects, 0 bytes of 1.5 GiB \(0 %\)/)
  await fails(['instance', 'set', 'live', '--cache-seconds', '0'], /--cache-seconds: it is less than 1/)
  await fails(['instance', 'create', 'live'], /live exists already/)
  await fails(['instance', 'create', 'kp', '--custody', 'keyprotect'], /is for root keys in Key Protect/)
  await json('key', 'create', '--instance', 'live')
  await fails(['instance', 'delete', 'live'], /not destroyed.*--shred/s)
  await fails(['instance', 'delete', 'live', '--shred', 'prod'], /not the name/)
  const receipt = await said('instance', 'delete', 'live', '--shred', 'live')
  assert.match(receipt, new RegExp(`live is shredded.*${made.id}.*Data keys destroyed: +1.*1 PreActive`, 's'))
  await fails(['instance', 'show', 'live'], /no instance live/)
})

test('a name in the command that comes next is one word for a shell', async () => {
  const made = await said('instance', 'create', "Bob's $(id) keys")
  assert.ok(made.includes(String.raw`client trust --instance 'Bob'\''s $(id) keys'`), made)
  await said('instance', 'delete', "Bob's $(id) keys")
})

test('a token: shown once or written to a file of mode 0600, listed without its text, revoked by name', async () => {
  const shown = await said('token', 'create', '--role', 'viewer', '--name', 'grafana', '--expires', '30')
  const [token = ''] = /mortise_[\w-]{43}/.exec(shown) ?? []
  assert.notEqual(token, '')
  assert.match(shown, /not shown again/)
  const list = await said('token', 'list')
  assert(!list.includes(token))
  assert.match(list, /grafana +viewer +- +\(all\)/)
  const file = inFolder('alice-token')
  const written = await json<Named>('token', 'create', '--role', 'operator', '--name', 'alice', '--out', file)
  assert(!('token' in written))
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.match(readFileSync(file, 'utf8'), /^mortise_[\w-]{43}\n$/)
  await fails(['token', 'create', '--role', 'viewer', '--out', file], /exists already/)
  assert.match(await said('token', 'revoke', 'grafana'), /grafana \(viewer\) is revoked/)
  await fails(['token', 'revoke', 'grafana'], /no token grafana/)
  await json('token', 'create', '--role', 'viewer', '--name', 'twin')
  await json('token', 'create', '--role', 'viewer', '--name', 'twin')
  await fails(['token', 'revoke', 'twin'], /2 tokens are named twin/)
  await fails(['token', 'revoke', 'bootstrap'], /last manager/)
})

test('a token of one instance works from elsewhere, and for that instance only', async () => {
  await json('instance', 'create', 'local')
  const file = inFolder('local-token')
  await json('token', 'create', '--role', 'operator', '--instance', 'local', '--out', file)
  const at = [
    '--admin',
    server.adminUrl,
    '--token-file',
    file,
    '--admin-fingerprint',
    server.serverCertSha256,
  ]
  const remote = (...words: string[]) => command([...words, ...at, '--json'])
  const instances = JSON.parse((await remote('instance', 'list')).stdout) as Named[]
  assert.deepEqual(
    instances.map(({ name }) => name),
    ['local'],
  )
  const key = JSON.parse((await remote('key', 'create', '--name', 'k')).stdout) as Named
  assert.equal(key.name, 'k')
  const status = JSON.parse((await remote('status')).stdout) as { instances: Named[]; pending: null }
  assert.deepEqual([status.instances.length, status.pending], [1, null])
  for (const words of [
    ['key', 'list', '--instance', 'default'],
    ['instance', 'show', 'default'],
  ])
    assert.match((await remote(...words)).stderr, /there is no instance default/)
  assert.match((await remote('client', 'pending')).stderr, /token for all instances/)
})

test('a client: shown, renamed, given a password from standard input, a certificate taken away', async () => {
  const { certificate } = await clientCertificate('self-signed')
  await server.trust('vc', await clientCertificate('self-signed'))
  await server.trust('vc', await makeCertificate({ commonName: 'younger', ownKey: true }))
  const set = ['client', 'set', 'vc', '--instance', 'default', '--credential', 'required']
  const options = { data: server.data, input: 'secret word\n' }
  const changed = await command([...set, '--user-name', 'vcenter', '--password-file', '-', '--json'], options)
  assert.equal(changed.code, 0, changed.stderr)
  assert.doesNotMatch(changed.stdout, /secret word/)
  assert.match(
    await said('client', 'show', 'vc', '--instance', 'default'),
    /Credential: +required, as vcenter/,
  )
  writeFileSync(inFolder('empty'), '\n')
  await fails([...set, '--user-name', 'x', '--password-file', inFolder('empty')], /holds no password/)
  await said(
    'client',
    'set',
    'vc',
    '--instance',
    'default',
    '--credential',
    'none',
    '--expired-grace-days',
    '7',
  )
  const renamed = await said('client', 'set', 'vc', '--instance', 'default', '--name', 'vc-berlin')
  assert.match(renamed, /vc-berlin.*served for 7 more days.*Credential: +none/s)
  const left = await said(
    'client',
    'remove',
    'vc-berlin',
    '--instance',
    'default',
    '--certificate',
    certificate.sha256,
  )
  assert.doesNotMatch(left.split('\n\n')[1] ?? '', new RegExp(certificate.sha256))
  assert.match(left, /CN=younger/)
})

test('blocks are listed and lifted', async () => {
  const { sha256 } = (await makeCertificate({ commonName: 'thief', ownKey: true })).certificate
  await said('client', 'block', sha256, '--reason', 'stolen')
  assert.match(await said('client', 'blocks'), new RegExp(`${sha256} .*stolen`))
  assert.match(await said('client', 'unblock', sha256), /Not refused any more/)
  assert.match(await said('client', 'blocks'), /No certificate is blocked/)
  await fails(['client', 'unblock', sha256], /blocked/)
})

test('keys are made and found', async () => {
  const made = await json<Named & { state: string }>(
    'key',
    'create',
    '--instance',
    'default',
    '--name',
    'wrap',
    '--activate',
  )
  assert.equal(made.state, 'Active')
  const where = ['key', 'list', '--instance', 'default']
  assert.deepEqual(
    (await json<Named[]>(...where, '--search', 'wrap')).map(({ id }) => id),
    [made.id],
  )
  assert.deepEqual(await json(...where, '--vsphere-name', 'wrap'), [])
  assert.equal(
    (await json<Named[]>(...where, '--contains', 'WRA', '--created-since', '2020-01-01')).length,
    1,
  )
  assert.deepEqual(await json(...where, '--created-until', '2020-01-01'), [])
  assert.deepEqual(await json(...where, '--fetched-since', '2020-01-01'), [])
  const happy = await command([...where, '--state', 'Happy'], { data: server.data })
  assert.equal(happy.code, 2)
  assert.match(happy.stderr, /unknown state `Happy`: it is one of PreActive/)
})

test('status is a screen for people, and says what needs them', async () => {
  await server.trust('late', await clientCertificate('expired-lately'))
  const text = await said('status')
  assert.match(text, /^Mortise: +0\.0\.0-test, serves\n/)
  assert.match(text, /INSTANCE +CLIENTS +OBJECTS +ROOT KEY\n/)
  assert.match(text, /EXPIRES NEXT/)
  assert.match(text, /CRITICAL: a certificate of the client late .*\n {2}Renew it in vCenter/)
  assert(text.split('\n').length < 40, text)
})
