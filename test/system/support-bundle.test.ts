// `mortise support-bundle` of a server with planted secrets and named keys: nothing of them is in the file, nor in the list.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { createKey } from '../../src/kmip-client/calls.ts'
import { connect } from '../../src/kmip-client/client.ts'
import { command } from '../support/command.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-test-bundle-'))
const file = (name: string): string => path.join(folder, name)
const passphrase = 'a passphrase with blanks'
let server: EmbeddedServer
let key: string
let token: string

before(async () => {
  writeFileSync(file('passphrase'), `${passphrase}\n`, { mode: 0o600 })
  server = await startEmbedded({
    data: file('data'),
    env: { MORTISE_ROOT_PASSPHRASE_FILE: file('passphrase') },
  })
  const { tls } = await server.issue('vcenter-1')
  await using client = connect({
    addresses: [server.kmip],
    cert: tls.cert,
    key: tls.key,
    trust: { by: 'authority', pem: tls.ca },
  })
  key = await createKey(client, { name: 'payroll database' })
  token = readFileSync(path.join(server.data, 'admin-token'), 'utf8').trim()
  const lines = [
    `token ${token}`,
    passphrase,
    `key ${key}`,
    'cannot fetch payroll database now',
    tls.key,
    'the end',
  ]
  writeFileSync(file('server.log'), `${lines.join('\n')}\n`)
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const env = () => ({ MORTISE_ROOT_PASSPHRASE_FILE: file('passphrase') })
const words = (name: string, ...more: string[]) => [
  'support-bundle',
  file(name),
  '--log',
  file('server.log'),
  ...more,
]

interface Shown {
  readonly file: string
  readonly files: readonly { readonly name: string }[]
  readonly redacted: Readonly<Record<string, number>>
  readonly missing: readonly string[]
}

function unpacked(name: string): string {
  const { stdout, stderr } = spawnSync('tar', ['-xzOf', file(name)], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  assert.equal(stderr, '')
  return stdout
}

test('no planted secret and no name of a key is in the file, which only its owner may read', async () => {
  const { stdout, stderr } = await command(words('bundle.tar.gz', '--yes', '--json', '--data', server.data), {
    env: env(),
  })
  assert.equal(stderr, '')
  const { files, redacted, missing } = JSON.parse(stdout) as Shown
  assert.deepEqual(missing, [])
  assert.deepEqual(
    files.map(({ name }) => name),
    [
      'about.json',
      'configuration.json',
      'status.json',
      'instances.json',
      'backups.json',
      'server-certificate.json',
      'metrics.txt',
      'logs/1-server.log',
    ],
  )
  const content = unpacked('bundle.tar.gz')
  for (const secret of [token, passphrase, key, 'payroll', 'PRIVATE KEY'])
    assert.ok(!content.includes(secret), secret)
  for (const wanted of ['mortise_conditions', '"kmip"', 'the end', file('passphrase')])
    assert.ok(content.includes(wanted), wanted)
  for (const what of ['known secret', 'name of a key', 'PEM block'])
    assert.ok((redacted[what] ?? 0) > 0, what)
  assert.equal(statSync(file('bundle.tar.gz')).mode & 0o777, 0o600)
  assert.ok(gunzipSync(readFileSync(file('bundle.tar.gz'))).length > 0)
})

test('a person sees the list before anything is written, and it is written only after yes', async () => {
  const at = { data: server.data, env: env(), terminal: true }
  const refused = await command(words('no.tar.gz', '--data', server.data), { ...at, input: 'no\n' })
  assert.equal(refused.code, 1)
  assert.match(refused.stdout, /FILE +SIZE\nabout\.json .*\n/)
  assert.match(refused.stdout, /Hidden: .*known secret \(\d+\)/)
  assert.ok(!existsSync(file('no.tar.gz')))
  const written = await command(words('yes.tar.gz', '--data', server.data), { ...at, input: 'yes\n' })
  assert.equal(written.code, 0, written.stderr)
  assert.ok(existsSync(file('yes.tar.gz')))
  const nobody = await command(words('no.tar.gz', '--data', server.data), { env: env() })
  assert.equal(nobody.code, 2)
  const again = await command(words('yes.tar.gz', '--yes', '--data', server.data), { env: env() })
  assert.equal(again.code, 1, 'it is not overwritten')
})

test('without a server it has what there is, and says what is missing', async () => {
  const { stdout, code } = await command(words('down.tar.gz', '--yes', '--json', '--data', file('nothing')), {
    env: env(),
  })
  assert.equal(code, 0)
  const { files, missing } = JSON.parse(stdout) as Shown
  assert.deepEqual(
    files.map(({ name }) => name),
    ['about.json', 'configuration.json', 'logs/1-server.log', 'missing.txt'],
  )
  assert.ok(missing.some((one) => one.includes('names of keys')))
  const content = unpacked('down.tar.gz')
  for (const secret of [token, passphrase, key]) assert.ok(!content.includes(secret), secret)
})
