// `mortise support-bundle` of a server with planted secrets and named keys: nothing of them is in the file, nor in the list.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { createKey } from '../../src/outside/kmip-client/calls.ts'
import { connectKmip } from '../../src/outside/kmip-client/client.ts'
import { allOptions } from '../../src/program/features.ts'
import { command } from '../support/server/command.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'

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
  await using client = connectKmip({
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
  const listed = spawnSync('tar', ['-tzf', file('bundle.tar.gz')], { encoding: 'utf8' }).stdout
  assert.match(listed, /^(?:mortise-support-\d{8}T\d{6}\/[\w./-]+\n)+$/)
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

test('a log that cannot be read is refused, and so is a bundle that --log took for one', async () => {
  for (const [log, why] of [
    [file('elsewhere.log'), 'there is no file '],
    [folder, 'is a folder'],
  ] as const) {
    const more = ['--yes', '--data', file('nothing'), '--log', file('server.log'), log]
    const { code, stderr } = await command(['support-bundle', file('none.tar.gz'), ...more], { env: env() })
    assert.equal(code, 1)
    assert.ok(stderr.includes(why) && stderr.includes('name the bundle before it'), stderr)
    assert.ok(!existsSync(file('none.tar.gz')))
  }
})

/** Options that name files in which no secret is, or one that no rule but its own form can know. */
const noSecretIn = ['caFile', 'certificateFile', 'file', 'kubernetesTokenFile', 'modules', 'credentials']

test('a secret in whichever file the configuration names is hidden, also in a log that repeats it', async () => {
  const variables: Record<string, string> = {}
  const marks: string[] = []
  for (const [section, lines] of Object.entries(allOptions))
    for (const [name, { variable }] of Object.entries(lines)) {
      if (!/(?:^f|F)ile$/.test(name)) continue
      const place = file(`${section}-${name}`)
      const mark = `mark/of ${section}/${name}-marked`
      // As the file of alerts' targets has it, and that of AWS.
      writeFileSync(place, `kind https://hooks.example.com/${mark}\nname = ${mark}\n${mark}\n`, {
        mode: 0o600,
      })
      variables[variable] = place
      if (!noSecretIn.includes(name)) marks.push(`${section}/${name}-marked`)
    }
  assert.ok(marks.length >= 10)
  writeFileSync(file('marks.log'), marks.map((mark) => `failed at ${mark}, again`).join('\n'))
  const more = ['--log', file('marks.log'), '--yes', '--data', file('nothing')]
  const { code, stderr } = await command(['support-bundle', file('marks.tar.gz'), ...more], {
    env: variables,
  })
  assert.equal(code, 0, stderr)
  const content = unpacked('marks.tar.gz')
  assert.ok(content.includes(file('alerts-targetsFile')), content)
  assert.equal(content.split('failed at').length - 1, marks.length)
  assert.deepEqual(
    marks.filter((mark) => content.includes(mark)),
    [],
    'the bundle shows what is in these files: their options need `secret: true`',
  )
})

test('a configuration that cannot be read is named without what stands in it', async () => {
  for (const text of [
    '[server]\nstore = "postgres://mortise:marked@db/mortise"',
    '[ibm]\napiKey = "marked"',
    'x = "marked',
  ]) {
    writeFileSync(file('wrong.toml'), `${text}\n`)
    const more = ['--config', file('wrong.toml'), '--log', file('server.log'), '--yes', '--force']
    const { code, stdout, stderr } = await command(['support-bundle', file('wrong.tar.gz'), ...more])
    assert.equal(code, 0, stderr)
    const content = unpacked('wrong.tar.gz')
    assert.ok(text.includes('store') || /configuration\.json: [\s\S]*secrets: /.test(content), content)
    for (const shown of [stdout, stderr, content]) assert.ok(!shown.includes('marked'), `${text}\n${shown}`)
  }
})
