// vault: root keys: the contract of every root key against the fake of Vault, URIs, policies, rotation, and what each refusal
// means.
//
// For a real Vault or OpenBao: MORTISE_TEST_VAULT_ADDRESS, MORTISE_TEST_VAULT_TOKEN with a token, and MORTISE_TEST_VAULT="URI URI"
// with two keys. Nothing there is changed.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, before, test } from 'node:test'
import type { RootKeyReach } from '../../../../src/core/ports/root-key.ts'
import { checkRootKey, listRootKeys, openRootKey } from '../../../../src/outside/rootkey/open.ts'
import { parseVaultUri } from '../../../../src/outside/rootkey/vault/vault.ts'
import { CloudFake } from '../../../support/clouds/fake.ts'
import { cloudSide, transitRules, vaultAt, type CloudSide } from '../../../support/clouds/mortise.ts'
import { outageContract } from '../../../support/clouds/outage-contract.ts'
import { reaches, rootKeyContract } from '../../../support/root-keys/rootkey-contract.ts'

const uri = 'vault:transit/mortise'
const place = Buffer.from('place')
let fake: CloudFake
let side: CloudSide
let token: string

before(async () => {
  fake = await CloudFake.start('vault')
  for (const key of ['transit/mortise', 'transit/other', 'team-a/transit/third'])
    await fake.tell('key', { key })
  await fake.tell('policy', {
    name: 'mortise',
    rules: transitRules(
      ...['mortise', 'other', 'gone', 'rsa', 'derived', 'loose', 'deleted'].map((name) => `transit/${name}`),
      'team-a/transit/third',
      'nothing/here',
    ),
  })
  await anotherToken()
  side = cloudSide(vaultAt(fake, { method: 'token', readToken: async () => token }))
})
after(async () => {
  side.clouds.close()
  await fake.stop()
})
afterEach(async () => {
  await fake.tell('calm')
  await fake.tell('behave')
})

async function anotherToken(policies = ['default', 'mortise']): Promise<void> {
  token = (await fake.tell<{ client_token: string }>('token', { policies })).client_token
}

rootKeyContract('vault', {
  open: () => openRootKey(uri, side.options),
  openOther: () => openRootKey('vault:transit/other', side.options),
  async takeAway() {
    await fake.tell('down')
    return () => fake.tell('calm')
  },
  runs: 50,
})

outageContract('vault', {
  fake: () => fake,
  open: async (clock) => {
    const own = cloudSide({
      ...vaultAt(fake, { method: 'token', readToken: async () => token }),
      ...(clock && { clock }),
    })
    return { key: await openRootKey(uri, own.options), close: () => own.clouds.close() }
  },
  encrypt: 'encrypt',
  decrypt: 'decrypt',
})

test('URIs: a mount, perhaps with slashes, and a key; no server, no secret, no way out of the path', () => {
  assert.deepEqual(parseVaultUri('Vault:team-a/transit/third'), { mount: 'team-a/transit', key: 'third' })
  const wrong = [
    'vault:',
    'vault:transit',
    'vault:/transit/key',
    'vault:transit/../sys',
    'vault:transit/a%2fb',
    'vault:transit/k?x=1',
  ]
  for (const one of wrong)
    assert.throws(() => parseVaultUri(one), reaches('root-key', /Write vault:MOUNT\/KEY/))
  assert.throws(
    () => parseVaultUri('vault://me:hunter2@evil.example/transit/key'),
    (error: Error) =>
      /named in the configuration alone/.test(error.message) && !error.message.includes('hunter2'),
  )
})

test('a key in a mount with slashes; nothing is asked to open it; what it calls is told', async () => {
  await fake.tell('forget-calls')
  const key = await openRootKey('vault:team-a/transit/third', side.options)
  assert.deepEqual(await fake.calls(), [])
  const ids = new Set<string>()
  const wrapped = await key.wrap(Buffer.from('secret'), place, ids)
  assert.equal(Buffer.from(await key.unwrap(wrapped, place, ids)).toString(), 'secret')
  assert.equal(ids.size, 2)
  assert.deepEqual(
    side.made.slice(-2).map(({ call, status, code }) => [call, status, code]),
    [
      ['encrypt', 200, null],
      ['decrypt', 200, null],
    ],
  )
})

test('after a rotation old wraps open, are known to be old, and are wrapped again', async () => {
  const key = await openRootKey(uri, side.options)
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  const was = key.versions?.of(wrapped) ?? ''
  await fake.tell('rotate', { key: 'transit/mortise' })
  assert.equal(Buffer.from(await key.unwrap(wrapped, place)).toString(), 'secret')
  const newest = await key.versions?.newest()
  assert.equal(Number(newest), Number(was) + 1)
  const again = (await key.versions?.rewrap(wrapped, place)) ?? assert.fail('no versions')
  assert.equal(key.versions?.of(again), newest)
  assert.equal(Buffer.from(await key.unwrap(again, place)).toString(), 'secret')

  await fake.tell('min-version', { key: 'transit/mortise', version: Number(newest) })
  await assert.rejects(key.unwrap(wrapped, place), reaches('wrapped-form', /min_decryption_version/))
  await key.unwrap(again, place)
  await fake.tell('min-version', { key: 'transit/mortise', version: 1 })
})

test('a policy without create: a key that is gone is not made again by sealing with it', async () => {
  const key = await openRootKey('vault:transit/gone', side.options)
  await fake.tell('key', { key: 'transit/gone' })
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  await fake.tell('delete-key', { key: 'transit/gone' })
  await assert.rejects(key.wrap(randomBytes(32), place), reaches('root-key'))
  assert.equal(await fake.tell('has-key', { key: 'transit/gone' }), false)
  await assert.rejects(key.unwrap(wrapped, place), reaches('root-key', /key not found/))
})

const refusals: readonly (readonly [string, string, RootKeyReach, RegExp])[] = [
  ['no such engine', 'vault:nothing/here', 'root-key', /permission denied/],
  ['a key that the policy does not name', 'vault:transit/theirs', 'root-key', /permission denied.*policy/],
]
for (const [what, where, reach, words] of refusals)
  test(`${what}: ${reach}`, async () => {
    const wrapped = await (await openRootKey(uri, side.options)).wrap(Buffer.from('x'), place)
    const key = await openRootKey(where, side.options)
    await assert.rejects(key.unwrap(wrapped, place), reaches(reach, words))
    await assert.rejects(key.wrap(Buffer.from('x'), place), reaches(reach, words))
  })

test('a sealed Vault is an outage', async () => {
  const key = await openRootKey(uri, side.options)
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  await fake.tell('behave', { sealed: true })
  await assert.rejects(key.unwrap(wrapped, place), reaches('unreachable', /Vault is sealed/))
  await fake.tell('behave')
  await key.unwrap(wrapped, place)
})

test('a version that answers 500 to what it cannot open is understood', async () => {
  const key = await openRootKey(uri, side.options)
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  await fake.tell('behave', { answers500: true })
  await assert.rejects(key.unwrap(wrapped, Buffer.from('elsewhere')), reaches('wrapped-form'))
})

test('the check names what is wrong with a key, and what to do', async () => {
  const check = (key: string) => checkRootKey(`vault:transit/${key}`, side.options)
  const ofFit = await check('mortise')
  assert.deepEqual([ofFit.uri, ofFit.warnings], [uri, []])
  await assert.rejects(
    checkRootKey('vault:nothing/here', side.options),
    reaches('root-key', /no handler for route/),
  )
  await assert.rejects(check('gone'), reaches('root-key', /vault write -f transit\/keys\/gone/))
  await fake.tell('key', { key: 'transit/rsa', settings: { type: 'rsa-4096' } })
  await assert.rejects(check('rsa'), reaches('root-key', /rsa-4096.*aes256-gcm96/))
  await fake.tell('key', { key: 'transit/derived', settings: { derived: true } })
  await assert.rejects(check('derived'), reaches('root-key', /derived/))
  await fake.tell('key', { key: 'transit/deleted', settings: { soft_deleted: true } })
  await assert.rejects(check('deleted'), reaches('root-key', /deleted/))
  await fake.tell('key', { key: 'transit/loose', settings: { exportable: true, deletion_allowed: true } })
  assert.match((await check('loose')).warnings.join(), /can leave Vault.*may be deleted/)
  await fake.tell('behave', { ignoresData: true })
  await assert.rejects(check('mortise'), reaches('root-key', /does not bind/))
})

test('there is nothing to keep keys in, nor a list', async () => {
  await assert.rejects(
    checkRootKey(uri, { ...side.options, standardKeys: true }),
    reaches('root-key', /custody keyprotect/),
  )
  await assert.rejects(listRootKeys(uri, side.options), reaches('root-key', /Lists are of/))
})

test('without an address in the configuration it says what is missing', async () => {
  const none = cloudSide({})
  await assert.rejects(openRootKey(uri, none.options), reaches('root-key', /MORTISE_VAULT_ADDRESS/))
})

const [real, realOther] = (process.env['MORTISE_TEST_VAULT'] ?? '').split(/\s+/).filter(Boolean)
if (real !== undefined && realOther !== undefined) {
  const access = {
    method: 'token',
    readToken: async () => process.env['MORTISE_TEST_VAULT_TOKEN'] ?? '',
  } as const
  const address = process.env['MORTISE_TEST_VAULT_ADDRESS'] ?? ''
  const there = cloudSide({ vault: { address, ca: undefined, namespace: undefined, access } })
  after(() => there.clouds.close())
  rootKeyContract('a real Vault', {
    open: () => openRootKey(real, there.options),
    openOther: () => openRootKey(realOther, there.options),
    runs: 10,
  })
}
