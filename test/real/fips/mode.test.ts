// FIPS mode with Debian's module, openssl-provider-fips: how a server gets into it, what it refuses then, and that what it does still
// works, also by parts of the usual tests in this mode.
// Runs in a process of its own: the parts of the usual tests take minutes.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { text } from 'node:stream/consumers'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import { fileOfDebian13, preferDebian13 } from '../../support/packages/debian-13.ts'
import { attribute, openSession, template } from '../../support/clients/kmip-session.ts'
import { spawnCli, startServer } from '../../support/server/server.ts'
import { skipOrFail } from '../../support/server/skip.ts'
import { connectClient } from '../../support/clients/tls-client.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const env = { MORTISE_FIPS: 'true' }
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-fips-'))
after(() => rmSync(folder, { recursive: true, force: true }))

preferDebian13()
/** Elsewhere the module is where the server looks for it. */
const extracted = fileOfDebian13('usr/lib/*/ossl-modules/fips.so')
const missing =
  (extracted ?? globSync('/usr/lib/*/ossl-modules/fips.so')[0]) === undefined ||
  spawnSync('openssl', ['version']).error
    ? "needs OpenSSL's FIPS module: npm run test:real -- --install fips"
    : undefined

async function setUp(name: string): Promise<string> {
  const data = path.join(folder, name)
  const module = extracted === undefined ? [] : ['--module', extracted]
  const { code, stdout, stderr } = await spawnCli(['fips', 'setup', '--data', data, ...module, '--json'])
  assert.equal(code, 0, stderr)
  assert.match((JSON.parse(stdout) as { version: string }).version, /^\d+\.\d+\.\d+$/)
  return data
}

test('a server in FIPS mode says so, serves what is approved, and refuses the rest by name', async (t) => {
  if (missing !== undefined) return skipOrFail(t, missing)
  const data = await setUp('server')
  await using server = await startServer({ data, env })
  const status = await server.cli('status')
  assert.match(
    status.stdout,
    /FIPS mode: +on, OpenSSL's provider \d+\.\d+\.\d+; Mortise itself has no certificate/,
  )
  const { tls } = await server.issue('crypto')
  using session = await openSession(server.kmip.port, { tls })
  const { ValidationInformation } = await session.ask('1.4', 'Query', { QueryFunction: ['QueryValidations'] })
  assert.deepEqual(
    ValidationInformation?.map(({ ValidationAuthorityType, ValidationProfile }) => [
      ValidationAuthorityType,
      ValidationProfile[0]?.replace(/[\d.]+/, 'N'),
    ]),
    [['Unspecified', 'OpenSSL FIPS provider N; Mortise claims no certificate']],
  )
  await useApproved(session)
  await refuseOthers(session)
  await assert.rejects(
    connectClient({ ...server.kmip, ...tls, ciphers: 'ECDHE-RSA-CHACHA20-POLY1305', maxVersion: 'TLSv1.2' }),
  )
})

type Session = Awaited<ReturnType<typeof openSession>>

const usable = [attribute('Activation Date', 0n)]

async function useApproved(session: Session): Promise<void> {
  const { UniqueIdentifier } = await session.ask('1.4', 'Create', {
    ObjectType: 'SymmetricKey',
    ...template([
      ...usable,
      attribute('Cryptographic Algorithm', 'AES'),
      attribute('Cryptographic Length', 256),
      attribute('Cryptographic Usage Mask', 0xc),
    ]),
  })
  const parameters = { BlockCipherMode: 'GCM', TagLength: 16, RandomIV: true } as const
  const sealed = await session.ask('1.4', 'Encrypt', {
    UniqueIdentifier,
    CryptographicParameters: parameters,
    Data: Buffer.from('in the clear'),
  })
  const opened = await session.ask('1.4', 'Decrypt', {
    UniqueIdentifier,
    CryptographicParameters: parameters,
    Data: sealed.Data,
    ...(sealed.IVCounterNonce && { IVCounterNonce: sealed.IVCounterNonce }),
    ...(sealed.AuthenticatedEncryptionTag && {
      AuthenticatedEncryptionTag: sealed.AuthenticatedEncryptionTag,
    }),
  })
  assert.equal(Buffer.from(opened.Data ?? []).toString(), 'in the clear')
  for (const [algorithm, length] of [
    ['RSA', 2048],
    ['ECDSA', 256],
  ] as const)
    await session.ask('1.4', 'CreateKeyPair', pairOf(algorithm, length))
}

function pairOf(algorithm: 'RSA' | 'ECDSA', length: number, domain: object = {}) {
  const common = [
    ...usable,
    attribute('Cryptographic Algorithm', algorithm),
    attribute('Cryptographic Length', length),
    ...Object.entries(domain).map(([name, value]) =>
      attribute(name as 'Cryptographic Domain Parameters', value as never),
    ),
  ]
  return {
    CommonTemplateAttribute: { Name: [], Attribute: common },
    PrivateKeyTemplateAttribute: { Name: [], Attribute: [attribute('Cryptographic Usage Mask', 1)] },
    PublicKeyTemplateAttribute: { Name: [], Attribute: [attribute('Cryptographic Usage Mask', 2)] },
  }
}

async function refuseOthers(session: Session): Promise<void> {
  const hash = (HashingAlgorithm: 'MD5' | 'RIPEMD_160' | 'SHA_256') =>
    session.ask('1.4', 'Hash', { CryptographicParameters: { HashingAlgorithm }, Data: Buffer.from('x') })
  await hash('SHA_256')
  await assert.rejects(hash('MD5'), /MD5 is not approved for FIPS mode/)
  await assert.rejects(hash('RIPEMD_160'), /RIPEMD_160 is not approved/)
  const curve = { 'Cryptographic Domain Parameters': { RecommendedCurve: 'SECP256K1' } }
  await assert.rejects(
    session.ask('1.4', 'CreateKeyPair', pairOf('ECDSA', 256, curve)),
    /FIPS provider refuses/,
  )
}

test('what keeps FIPS mode from beginning is said in one sentence, before anything else happens', async (t) => {
  if (missing !== undefined) return skipOrFail(t, missing)
  const data = await setUp('broken')
  const settings = path.join(data, 'fips.cnf')
  const good = readFileSync(settings, 'utf8')
  const start = () =>
    spawnCli(['serve', '--data', data, '--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0'], env)
  // Another module than the one that was tested.
  writeFileSync(
    settings,
    good.replace(
      /^module-mac = ../m,
      (found) => `${found.slice(0, -2)}${found.endsWith('00') ? '01' : '00'}`,
    ),
  )
  const refused = await start()
  assert.equal(refused.code, 1)
  assert.match(
    refused.stderr,
    /^mortise: FIPS mode does not begin: Node\.js does not start with the FIPS provider/,
  )
  assert.match(refused.stderr, /If no administrator replaced it, find out what happened to it first/)
  assert.doesNotMatch(refused.stderr, / at /)
  writeFileSync(settings, good)
})

test('a passphrase under scrypt is converted before, and the key is the same in FIPS mode', async (t) => {
  if (missing !== undefined) return skipOrFail(t, missing)
  const passphrase = path.join(folder, 'passphrase.txt')
  writeFileSync(passphrase, 'correct horse battery staple\n')
  const outside = { MORTISE_ROOT_PASSPHRASE_FILE: passphrase }
  const data = await setUp('passphrase')
  let key: string
  {
    await using server = await startServer({ data, env: outside })
    const { tls } = await server.issue('before')
    await server.issue('with-password')
    const words = ['--credential', 'required', '--user-name', 'vcenter', '--password-file', passphrase]
    await server.json('client', 'set', 'with-password', ...words)
    using session = await openSession(server.kmip.port, { tls })
    key = await session.key('1.4')
    writeFileSync(path.join(folder, 'before.json'), JSON.stringify(tls))
  }
  const both = { ...outside, ...env }
  await assert.rejects(
    startServer({ data, env: both }),
    /scrypt is not approved for FIPS mode.*mortise fips convert/s,
  )
  const converted = await spawnCli(['fips', 'convert', '--data', data, '--json'], outside)
  assert.equal((JSON.parse(converted.stdout) as { converted: boolean }).converted, true, converted.stderr)
  await using server = await startServer({ data, env: both })
  const tls = JSON.parse(readFileSync(path.join(folder, 'before.json'), 'utf8')) as never
  using session = await openSession(server.kmip.port, { tls })
  assert.ok(await session.ask('1.4', 'Get', { UniqueIdentifier: key }))
  const { conditions } = (await server.json('status')) as { conditions: readonly { message: string }[] }
  const unchecked = 'the password of the client with-password cannot be checked in FIPS mode'
  assert.ok(conditions.some(({ message }) => message === unchecked))
})

test('backups and exports go to certificates, which openssl opens', async (t) => {
  if (missing !== undefined) return skipOrFail(t, missing)
  const data = await setUp('recipients')
  const holder = await makeCertificate({ key: 'ec', ownKey: true, commonName: 'holder' })
  const [cert, key] = [path.join(folder, 'holder.pem'), path.join(folder, 'holder.key')]
  writeFileSync(cert, holder.tls.cert)
  writeFileSync(key, holder.tls.key)
  await using server = await startServer({ data, env })
  const { tls } = await server.issue('some')
  using session = await openSession(server.kmip.port, { tls })
  const id = await session.key('1.4')
  const backup = path.join(folder, 'a.backup')
  const age = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'
  const refused = await server.cli('backup', 'create', backup, '--recipient', age, '--yes')
  assert.match(refused.stderr, /age is not approved for FIPS mode.*certificate/s)
  await server.json('backup', 'create', backup, '--recipient', cert, '--yes')
  const verified = await spawnCli(['backup', 'verify', backup, '--identity', key, '--all', '--json'], {})
  assert.equal(verified.code, 0, verified.stderr + verified.stdout)
  const weak = await server.cli('instance', 'set', 'default', '--legacy-wrap', 'yes')
  assert.match(weak.stderr, /not approved for FIPS mode/)
  await server.json('instance', 'set', 'default', '--portable', 'yes')
  const exported = path.join(folder, 'keys.cms')
  const done = await server.cli(
    'key',
    'export',
    exported,
    '--instance',
    'default',
    '--recipient',
    cert,
    '--yes',
  )
  assert.match(done.stdout + done.stderr, /openssl cms -decrypt -inform DER -inkey KEY\.pem/)
  const words = ['cms', '-decrypt', '-inform', 'DER', '-inkey', key, '-in', exported]
  const lines = spawnSync('openssl', words, { encoding: 'utf8' }).stdout.trim().split('\n')
  assert.equal((JSON.parse(lines[1] ?? '{}') as { id: string }).id, id)
})

/** Words that name test files which hold in FIPS mode too. The others use what it does not have, or take long. */
const parts = [
  'sealing/envelope',
  'sealing/keyring',
  'audit/',
  'trust/client-rules',
  'trust/rows',
  'trust/sessions',
  'custody/custodies',
  'crypto/derive',
  'crypto/pool.test',
  'keys/object/lifecycle',
  'rootkey/vault',
  'rootkey/aws-kms',
  'rootkey/azure-kv',
  'rootkey/gcp-kms',
  'system/kill.test',
  'system/token-recover.test',
]

test(`the usual tests of ${parts.join(', ')} pass in FIPS mode`, async (t: TestContext) => {
  if (missing !== undefined) return skipOrFail(t, missing)
  const settings = path.join(await setUp('parts'), 'fips.cnf')
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'scripts/test.ts', ...parts],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: `--openssl-config=${settings} --force-fips` },
    },
  )
  const ended = once(child, 'close')
  const said = await text(child.stdout)
  await ended
  assert.equal(child.exitCode, 0, said.slice(-4000))
})
