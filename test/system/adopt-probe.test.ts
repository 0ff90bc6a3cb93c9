// `mortise adopt probe` against a Key Protect that holds keys as another service may have stored them: which can be rescued
// with the root key alone, with and without the old service, and that it only reads.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { ProbeReport } from '../../src/adopt/probe.ts'
import { createKey, getKey } from '../../src/kmip-client/calls.ts'
import { connect } from '../../src/kmip-client/client.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { runCli, startServer, type ClientFiles, type TestServer } from '../support/server.ts'

let fake: KeyProtectFake
let folder: string
let old: TestServer
let client: ClientFiles
let rootKey: string
const keys: { readonly id: string; readonly material: Buffer }[] = []

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mortise-probe-'))
  fake = await KeyProtectFake.start()
  old = await startServer()
  client = await old.issue('probe')
  rootKey = await fake.rootKey()
  const { apiKey } = await fake.serviceId({ roles: ['ReaderPlus'] })
  writeFileSync(path.join(folder, 'api.key'), apiKey)
  await using kmip = connect({
    addresses: [old.kmip],
    ...client.tls,
    trust: { by: 'authority', pem: client.tls.ca },
  })
  for (let made = 0; made < 7; made++) {
    const id = await createKey(kmip)
    keys.push({ id, material: (await getKey(kmip, id)).material })
  }
})
after(async () => {
  await old[Symbol.asyncDispose]()
  await fake.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function wrapped(plaintext: Buffer, aad: readonly string[] = []): Promise<string> {
  const asked = { plaintext: plaintext.toString('base64'), ...(aad.length > 0 && { aad }) }
  const { body } = await fake.admin('POST', `/keys/${rootKey}/actions/wrap`, asked)
  return (body as { readonly ciphertext: string }).ciphertext
}

async function store(id: string, payload: Buffer): Promise<void> {
  const resource = {
    type: 'application/vnd.ibm.kms.key+json',
    name: `vmware_kmip-${id}`,
    extractable: true,
    payload: payload.toString('base64'),
  }
  await fake.admin('POST', '/keys', { metadata: {}, resources: [resource] })
}

function nth(index: number) {
  return keys[index] ?? assert.fail('no key')
}

async function probe(...more: readonly string[]): Promise<ProbeReport> {
  const env = { MORTISE_IBM_IAM_URL: fake.about.iamUrl, MORTISE_IBM_CA_FILE: fake.about.caFile }
  const args = ['--root-key', fake.uri(rootKey), '--api-key-file', path.join(folder, 'api.key')]
  const { code, stdout, stderr } = await runCli(['adopt', 'probe', ...args, ...more, '--json'], env)
  assert.equal(code, 0, stderr)
  for (const { material } of keys)
    for (const form of ['hex', 'base64'] as const)
      assert.ok(!`${stdout}${stderr}`.includes(material.toString(form)), 'it shows no key')
  return JSON.parse(stdout) as ProbeReport
}

const live = () => [
  '--kmip',
  `127.0.0.1:${old.kmip.port}`,
  '--cert',
  client.certFile,
  '--key',
  client.keyFile,
  '--ca',
  client.caFile,
]

test('without standard keys it says where to look', async () => {
  const env = { MORTISE_IBM_IAM_URL: fake.about.iamUrl, MORTISE_IBM_CA_FILE: fake.about.caFile }
  const args = ['--root-key', fake.uri(rootKey), '--api-key-file', path.join(folder, 'api.key')]
  const { code, stdout } = await runCli(['adopt', 'probe', ...args], env)
  assert.equal(code, 0)
  assert.match(stdout, /No standard key has a name that begins with vmware_kmip/)
})

test('keys in three ways are found to open, one in none, and each verdict rests on the old service', async () => {
  // The payload is the ciphertext, without associated data.
  for (const at of [0, 1, 2]) await store(nth(at).id, Buffer.from(await wrapped(nth(at).material)))
  // Its base64 is, with the identifier.
  const inBase64 = await wrapped(nth(3).material, [nth(3).id])
  await store(nth(3).id, Buffer.from(inBase64, 'base64'))
  // JSON with a field, with the instance.
  const inJson = await wrapped(nth(4).material, [fake.about.instance])
  await store(nth(4).id, Buffer.from(JSON.stringify({ version: 1, ciphertext: inJson })))
  // Nobody opens it.
  await store(nth(5).id, Buffer.from(await wrapped(nth(5).material, ['something else'])))
  // It opens to other bytes.
  await store(nth(6).id, Buffer.from(await wrapped(Buffer.alloc(32, 1))))
  // The old service does not know it.
  await store('0a0a0a0a-0000-4000-8000-000000000000', Buffer.from(await wrapped(Buffer.alloc(32, 2))))

  await fake.forgetCalls()
  const report = await probe(...live())
  const found = (id: string) => report.keys.find((key) => key.id === id)
  const verdicts = keys.map(({ id }) => [found(id)?.way ?? null, found(id)?.rescuable])
  assert.deepEqual(verdicts, [
    ['text, aad none', 'yes'],
    ['text, aad none', 'yes'],
    ['text, aad none', 'yes'],
    ['base64, aad identifier', 'yes'],
    ['json, aad instance', 'yes'],
    [null, 'no'],
    ['text, aad none', 'no'],
  ])
  assert.equal(found('0a0a0a0a-0000-4000-8000-000000000000')?.rescuable, 'unknown')
  assert.deepEqual([report.yes, report.no, report.unknown, report.rescuable], [5, 2, 1, 'unknown'])
  assert.equal(report.provedBy, null, 'the way that opens to other bytes proves nothing')
  const calls = new Set((await fake.calls()).map(({ call }) => call))
  for (const call of calls)
    assert.ok(['token', 'metadata', 'list', 'search', 'get', 'unwrap'].includes(call), `${call} only reads`)
})

test('without the old service what opens stays unknown, and the text says what to do next', async () => {
  const report = await probe()
  assert.deepEqual([report.yes, report.no, report.unknown, report.compared], [0, 1, 7, false])
  const env = { MORTISE_IBM_IAM_URL: fake.about.iamUrl, MORTISE_IBM_CA_FILE: fake.about.caFile }
  const args = [
    '--root-key',
    fake.uri(rootKey),
    '--api-key-file',
    path.join(folder, 'api.key'),
    '--limit',
    '2',
  ]
  const { stdout } = await runCli(['adopt', 'probe', ...args], env)
  assert.match(stdout, /Standard keys: +2\n/)
  assert.match(stdout, /Nothing was compared\. .*--kmip HOST/)
  assert.match(stdout, /Adopt the keys from the old service itself/)
})

test('wrong usage, a refused root key and an unknown server are told in words', async () => {
  const env = { MORTISE_IBM_IAM_URL: fake.about.iamUrl, MORTISE_IBM_CA_FILE: fake.about.caFile }
  const at = (key: string) => ['--root-key', fake.uri(key), '--api-key-file', path.join(folder, 'api.key')]
  const [flag, host, cert, certFile, key, keyFile] = live()
  for (const [args, code, told] of [
    [[...at(rootKey), '--cert', client.certFile], 2, /belong to --kmip HOST/],
    [[...at(rootKey), flag, host, cert, certFile, key, keyFile], 2, /how to recognize the old server/],
    [at('0a0a0a0a-0000-4000-8000-000000000000'), 1, /has no key/],
    [
      [...at(rootKey), flag, host, cert, certFile, key, keyFile, '--fingerprint', 'ab'.repeat(32)],
      1,
      /the server has another certificate/,
    ],
  ] as const) {
    const all = ['adopt', 'probe', ...args].filter((word) => word !== undefined)
    const answered = await runCli(all, env)
    assert.equal(answered.code, code, answered.stderr)
    assert.match(answered.stderr, told)
  }
})
