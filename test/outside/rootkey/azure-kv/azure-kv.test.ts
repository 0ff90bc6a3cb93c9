// azure-kv: root keys: the contract of every root key against the fake of Azure, for RSA keys and for AES keys of a Managed HSM; URIs,
// versions, what is bound, and what each refusal means. login.test.ts has the ways to log in.
//
// For the real Azure: MORTISE_TEST_AZURE_KV="URI URI" with two keys of one vault, and MORTISE_TEST_AZURE_TENANT_ID, _CLIENT_ID and
// _CLIENT_SECRET. Nothing there is changed.

import assert from 'node:assert/strict'
import { constants, createPublicKey, publicEncrypt, randomBytes, type JsonWebKey } from 'node:crypto'
import { after, afterEach, before, test } from 'node:test'
import { RootKeyError, type RootKeyReach } from '../../../../src/core/ports/root-key.ts'
import { parseAzureUri } from '../../../../src/outside/rootkey/azure-kv/azure-kv.ts'
import { joinHalves, sealOnce } from '../../../../src/outside/rootkey/content-key.ts'
import { checkRootKey, openRootKey } from '../../../../src/outside/rootkey/open.ts'
import { packWrappedForm, unpackWrappedForm } from '../../../../src/outside/rootkey/wrapped-form.ts'
import { azureTenant } from '../../../support/clouds/azure-kv.ts'
import { CloudFake } from '../../../support/clouds/fake.ts'
import { azureKvAt, cloudSide, type CloudSide } from '../../../support/clouds/mortise.ts'
import { outageContract } from '../../../support/clouds/outage-contract.ts'
import { reaches, rootKeyContract } from '../../../support/root-keys/rootkey-contract.ts'

const vault = 'azure-kv:fake.vault.azure.net'
const uri = `${vault}/rsa`
const place = Buffer.from('place')
const access = {
  method: 'client-secret',
  tenantId: azureTenant,
  clientId: 'application',
  readCredential: async () => 'secret-1',
} as const
let fake: CloudFake
let side: CloudSide

before(async () => {
  fake = await CloudFake.start('azure-kv')
  await fake.tell('application', { id: 'application', secret: 'secret-1' })
  for (const key of ['rsa', 'other']) await fake.tell('key', { key })
  for (const key of ['aes', 'other-aes']) await fake.tell('key', { key, type: 'oct-HSM' })
  side = cloudSide(azureKvAt(fake, access))
})
after(async () => {
  side.clouds.close()
  await fake.stop()
})
afterEach(async () => {
  await fake.tell('calm')
  await fake.tell('behave')
})

const open = (key = 'rsa') => openRootKey(`${vault}/${key}`, side.options)

for (const [kind, key, other] of [
  ['azure-kv with RSA', 'rsa', 'other'],
  ['azure-kv with AES', 'aes', 'other-aes'],
] as const)
  rootKeyContract(kind, {
    open: () => open(key),
    openOther: () => open(other),
    async takeAway() {
      await fake.tell('down')
      return () => fake.tell('calm')
    },
    async swap() {
      await fake.tell('change', { key, enabled: false })
      return () => fake.tell('change', { key })
    },
    runs: 30,
  })

outageContract('azure-kv', {
  fake: () => fake,
  open: async (clock) => {
    const own = cloudSide({ ...azureKvAt(fake, access), ...(clock && { clock }) })
    return { key: await openRootKey(uri, own.options), close: () => own.clouds.close() }
  },
  encrypt: 'wrapKey',
  decrypt: 'unwrapKey',
})

test('URIs: a host of Microsoft, and a key; an identifier is understood, a version and other hosts are not', () => {
  const expected = { host: 'contoso.vault.azure.net', key: 'mortise', resource: 'https://vault.azure.net' }
  assert.deepEqual(parseAzureUri('azure-kv:contoso.vault.azure.net/mortise'), expected)
  assert.deepEqual(parseAzureUri('azure-kv:https://Contoso.vault.azure.net/keys/mortise'), expected)
  assert.equal(parseAzureUri('azure-kv:hsm1.managedhsm.azure.net/k').resource, 'https://managedhsm.azure.net')
  const wrong = [
    'azure-kv:',
    'azure-kv:mortise',
    'azure-kv:contoso.vault.azure.net',
    'azure-kv:contoso.vault.azure.net.evil.example/mortise',
    'azure-kv:evil.example/mortise',
    'azure-kv:a.b.vault.azure.net/mortise',
    `azure-kv:contoso.vault.azure.net/mortise/${'0'.repeat(32)}`,
    'azure-kv:contoso.vault.azure.net/mor%2ftise',
  ]
  for (const one of wrong) assert.throws(() => parseAzureUri(one), reaches('root-key', /Write azure-kv:/))
})

test('after a rotation old wraps open, are known to be old, and are wrapped again', async (t) => {
  t.after(() => fake.tell('change', { key: 'rsa' }))
  const key = await open()
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  const was = key.versions?.of(wrapped)
  await fake.tell('rotate', { key: 'rsa' })
  assert.equal(Buffer.from(await key.unwrap(wrapped, place)).toString(), 'secret')
  const newest = await key.versions?.newest()
  assert.notEqual(newest, was)
  const again = (await key.versions?.rewrap(wrapped, place)) ?? assert.fail('no versions')
  assert.equal(key.versions?.of(again), newest)
  await fake.tell('change', { key: 'rsa', version: 'first', enabled: false })
  assert.equal(Buffer.from(await key.unwrap(again, place)).toString(), 'secret')
  await assert.rejects(key.unwrap(wrapped, place), reaches('root-key', /KeyDisabled|disabled key/))
})

test('an RSA key: two calls seal after the look at the key, two open; the ids of the requests are told', async () => {
  await fake.tell('forget-calls')
  const key = await open()
  const ids = new Set<string>()
  await key.unwrap(await key.wrap(Buffer.from('secret'), place, ids), place, ids)
  assert.deepEqual(
    (await fake.calls()).map(({ call }) => call).filter((call) => call !== 'login'),
    ['get', 'wrapKey', 'sign', 'unwrapKey', 'sign'],
  )
  assert.equal(ids.size, 4)
})

test('what was put together from other wraps, or names another way or place, does not open', async () => {
  const key = await open()
  const form = unpackWrappedForm('azure-kv', await key.wrap(Buffer.from('secret'), place))
  const other = unpackWrappedForm('azure-kv', await key.wrap(Buffer.from('secret'), place))
  const [algorithm, value, sealed] = form.ciphertext.split(':')
  const [, otherValue, otherSealed] = other.ciphertext.split(':')
  const forged = [
    { ...form, ciphertext: `${algorithm}:${value}:${otherSealed}` },
    { ...form, ciphertext: `${algorithm}:${otherValue}:${sealed}` },
    { ...form, ciphertext: `A256KW:${value}:${sealed}` },
    { ...form, ciphertext: `RSA1_5:${value}:${sealed}` },
    { ...form, keyVersion: '../../secrets' },
  ]
  for (const one of forged)
    await assert.rejects(key.unwrap(packWrappedForm('azure-kv', one), place), (error: unknown) => {
      reaches('wrapped-form')(error)
      return error instanceof RootKeyError && error.altered
    })
})

test('whoever has the public key can wrap, and still seals nothing that opens: the signature is missing', async () => {
  const key = await open()
  const { version, ...jwk } = await fake.tell<JsonWebKey & { version: string }>('public-key', { key: 'rsa' })
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
  const forge = (contentKeyOf: (half: Buffer) => Buffer) => {
    const half = randomBytes(32)
    const value = publicEncrypt({ key: publicKey, ...padding }, half).toString('base64url')
    const front = `mortise root key in Azure\nRSA-OAEP-256\n${version}\n${value}\nmortise root key 1\nplace`
    const sealed = sealOnce(contentKeyOf(half), Buffer.from('of a stranger'), Buffer.from(front))
    const ciphertext = `RSA-OAEP-256:${value}:${sealed.toString('base64')}`
    return packWrappedForm('azure-kv', { ciphertext, keyVersion: version })
  }
  for (const forged of [forge((half) => half), forge((half) => joinHalves(half, Buffer.alloc(256)))])
    await assert.rejects(key.unwrap(forged, place), reaches('wrapped-form', /did not seal this/))
  // The same, by someone who may sign: so it is the signature alone that was missing.
  const signature = Buffer.from(await fake.tell<string>('signature', { key: 'rsa' }), 'base64url')
  const own = await key.unwrap(
    forge((half) => joinHalves(half, signature)),
    place,
  )
  assert.equal(Buffer.from(own).toString(), 'of a stranger')
})

interface Refusal {
  readonly command: string
  readonly told: object
  readonly reach: RootKeyReach
  readonly words: RegExp
}

const refusals: Readonly<Record<string, Refusal>> = {
  'a disabled key': {
    command: 'change',
    told: { key: 'rsa', enabled: false },
    reach: 'root-key',
    words: /KeyDisabled/,
  },
  'an expired key': {
    command: 'change',
    told: { key: 'rsa', exp: 1_600_000_000 },
    reach: 'root-key',
    words: /KeyExpired.*Change the dates/,
  },
  'a role that was taken away': {
    command: 'permit',
    told: { key: 'rsa', permitted: [] },
    reach: 'root-key',
    words: /ForbiddenByRbac.*root-key-azure/,
  },
  'a firewall': {
    command: 'behave',
    told: { firewall: true },
    reach: 'unreachable',
    words: /ForbiddenByFirewall.*address of this machine/,
  },
  'a token for another service': {
    command: 'behave',
    told: { resource: 'https://managedhsm.azure.net' },
    reach: 'root-key',
    words: /AKV10022/,
  },
}
for (const [what, { command, told, reach, words }] of Object.entries(refusals))
  test(`${what}: ${reach}, with what Azure said; it serves again afterwards`, async () => {
    const key = await open()
    const wrapped = await key.wrap(Buffer.from('secret'), place)
    await fake.tell(command, told)
    await assert.rejects(key.unwrap(wrapped, place), reaches(reach, words))
    await fake.tell('change', { key: 'rsa' })
    await fake.tell('permit', { key: 'rsa', permitted: ['get', 'wrapKey', 'unwrapKey', 'sign'] })
    await fake.tell('behave')
    await key.unwrap(wrapped, place)
  })

test('a deleted key is a refusal that says that it may be recovered', async () => {
  await fake.tell('key', { key: 'gone' })
  const key = await open('gone')
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  await fake.tell('delete-key', { key: 'gone' })
  await assert.rejects(key.unwrap(wrapped, place), reaches('root-key', /KeyNotFound.*recover/))
  await assert.rejects(checkRootKey(`${vault}/gone`, side.options), reaches('root-key', /KeyNotFound/))
})

test('the check refuses keys that cannot serve, and tells when one expires', async () => {
  await fake.tell('key', { key: 'ec', type: 'EC' })
  await assert.rejects(
    checkRootKey(`${vault}/ec`, side.options),
    reaches('root-key', /of type EC\. Make one/),
  )
  await fake.tell('key', { key: 'plain', operations: ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'] })
  await assert.rejects(
    checkRootKey(`${vault}/plain`, side.options),
    reaches('root-key', /not be used for sign: az keyvault key set-attributes --ops wrapKey unwrapKey sign/),
  )
  await fake.tell('key', { key: 'off' })
  await fake.tell('change', { key: 'off', enabled: false })
  await assert.rejects(checkRootKey(`${vault}/off`, side.options), reaches('root-key', /is disabled/))
  await fake.tell('key', { key: 'ends' })
  await fake.tell('change', { key: 'ends', exp: 4_000_000_000 })
  const { warnings, uri: checked } = await checkRootKey(`${vault}/ends`, side.options)
  assert.match(warnings.join(), /expires on 2096-10-02.*nor opens.*instance rewrap/)
  assert.equal(checked, `${vault}/ends`)
  assert.deepEqual((await checkRootKey(`${vault}/aes`, side.options)).warnings, [])
})

const given = (name: string) => process.env[`MORTISE_TEST_AZURE_${name}`] ?? ''
const [real, realOther] = given('KV').split(/\s+/).filter(Boolean)
if (real !== undefined && realOther !== undefined) {
  const loginAddress = 'https://login.microsoftonline.com'
  const there = cloudSide({
    azureKv: {
      access: {
        ...access,
        tenantId: given('TENANT_ID'),
        clientId: given('CLIENT_ID'),
        readCredential: async () => given('CLIENT_SECRET'),
      },
      loginAddress,
      endpoint: undefined,
      ca: undefined,
    },
  })
  after(() => there.clouds.close())
  rootKeyContract('the real Azure', {
    open: () => openRootKey(real, there.options),
    openOther: () => openRootKey(realOther, there.options),
    runs: 10,
  })
}
