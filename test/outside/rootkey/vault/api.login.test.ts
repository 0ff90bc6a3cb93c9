// How Mortise logs in to Vault: by token, AppRole and Kubernetes; renewals, refused tokens and secrets, and what is an outage.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { iamTokenFreshMs } from '../../../../src/outside/rootkey/bounds.ts'
import { RootKeyError, type RootKey } from '../../../../src/core/ports/root-key.ts'
import { openRootKey } from '../../../../src/outside/rootkey/open.ts'
import type { VaultAccess } from '../../../../src/outside/rootkey/vault/api.ts'
import { CloudFake } from '../../../support/clouds/fake.ts'
import { cloudSide, transitRules, vaultAt } from '../../../support/clouds/mortise.ts'
import { failsInTime } from '../../../support/time/passing-time.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'

const place = Buffer.from('place')
const policies = ['default', 'mortise']
const closing: (() => void)[] = []
let fake: CloudFake
let clock: MovableClock

before(async () => {
  fake = await CloudFake.start('vault')
  await fake.tell('key', { key: 'transit/mortise' })
  await fake.tell('policy', { name: 'mortise', rules: transitRules('transit/mortise') })
})
after(() => fake.stop())
afterEach(async () => {
  for (const close of closing.splice(0)) close()
  await fake.tell('calm')
})

async function open(access: VaultAccess): Promise<RootKey> {
  clock = new MovableClock()
  const side = cloudSide({ ...vaultAt(fake, access), clock })
  closing.push(() => side.clouds.close())
  await fake.tell('forget-calls')
  return openRootKey('vault:transit/mortise', side.options)
}

async function works(key: RootKey): Promise<void> {
  await key.unwrap(await key.wrap(Buffer.from('secret'), place), place)
}

/** Both clocks, ours and the service's. */
async function pass(seconds: number): Promise<void> {
  await fake.tell('advance', { seconds })
  clock.pass(seconds * 1000)
}

const names = async () => (await fake.calls()).map(({ call }) => call).filter((call) => !/crypt/.test(call))

/** What runs in the background has come to its end when the fake was asked so often. */
async function until(what: readonly string[]): Promise<void> {
  while ((await names()).length < what.length) await nextTurn()
  assert.deepEqual(await names(), what)
}

/** By AppRole, with the role that the tests make. */
function openByRole(readSecretId = async () => 'secret-id') {
  return open({ method: 'approle', mount: 'approle', roleId: 'role', readSecretId })
}

async function newToken(body: object): Promise<string> {
  return (await fake.tell<{ client_token: string }>('token', { policies, ...body })).client_token
}

test('a token from a file is looked at once and renewed before it ends', async () => {
  const token = await newToken({ ttl: 900 })
  const key = await open({ method: 'token', readToken: async () => token })
  await works(key)
  await works(key)
  assert.deepEqual(await names(), ['lookup-self'])
  await pass(601)
  await works(key)
  await until(['lookup-self', 'renew-self'])
  await pass(500)
  await works(key)
})

test('a token that Vault Agent has replaced is taken from its file', async () => {
  let token = await newToken({ ttl: 900 })
  const key = await open({ method: 'token', readToken: async () => token })
  await works(key)
  token = await newToken({ ttl: 3600 })
  await pass(601)
  await works(key)
  await until(['lookup-self', 'lookup-self'])
  await pass(300)
  await works(key)
})

test('a token whose policy does not let it look at itself can be used', async () => {
  const token = await newToken({ ttl: 900, policies: ['mortise'] })
  await works(await open({ method: 'token', readToken: async () => token }))
})

test('a token that ended or was revoked is a refusal; another in its file is taken, though not at once again and again', async () => {
  let token = await newToken({ ttl: 60, renewable: false })
  const key = await open({ method: 'token', readToken: async () => token })
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  await pass(61)
  await assert.rejects(key.unwrap(wrapped, place), reaches('root-key', /permission denied/))
  token = await newToken({ ttl: 0 })
  clock.pass(iamTokenFreshMs)
  await key.unwrap(wrapped, place)
  await fake.tell('revoke-tokens')
  await assert.rejects(key.unwrap(wrapped, place), reaches('root-key', /invalid token/))
})

test('AppRole: a login, a renewal, and another login when the longest life is near', async () => {
  await fake.tell('approle', { id: 'role', secret: 'secret-id', policies, ttl: 900, maxTtl: 1800 })
  const key = await openByRole()
  await works(key)
  await pass(601)
  await works(key)
  await until(['login', 'renew-self'])
  await pass(601)
  await works(key)
  await until(['login', 'renew-self', 'renew-self'])
  await pass(500)
  await works(key)
  await until(['login', 'renew-self', 'renew-self', 'renew-self', 'login'])
  await works(key)
})

test('AppRole: a revoked token is replaced by a login within the same call', async () => {
  await fake.tell('approle', { id: 'role', secret: 'secret-id', policies })
  const key = await openByRole()
  await works(key)
  await fake.tell('revoke-tokens')
  await works(key)
  assert.deepEqual(await names(), ['login', 'login'])
})

test('a revoked token is replaced once for all calls that were under way with it', async () => {
  await fake.tell('approle', { id: 'role', secret: 'secret-id', policies })
  const key = await openByRole()
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  await fake.tell('revoke-tokens')
  await Promise.all(Array.from({ length: 5 }, () => key.unwrap(wrapped, place)))
  assert.deepEqual(await names(), ['login', 'login'])
})

test('a refused secret ID is a refusal that says where to look, and is not shown again at once', async () => {
  await fake.tell('approle', { id: 'role', secret: 'secret-id', policies })
  let secret = 'wrong'
  const key = await openByRole(async () => secret)
  for (let times = 0; times < 3; times++)
    await assert.rejects(works(key), (error: unknown) => {
      reaches('root-key', /invalid role or secret ID.*vault\.secretIdFile/)(error)
      return !String(error).includes('wrong')
    })
  assert.deepEqual(await names(), ['login'])
  secret = 'secret-id'
  await works(key)
})

test('Kubernetes: the token of the service account is read for each login', async () => {
  await fake.tell('kubernetes', { id: 'mortise', secret: 'jwt-1', policies })
  let jwt = 'jwt-1'
  const access = {
    method: 'kubernetes',
    mount: 'kubernetes',
    role: 'mortise',
    readServiceAccountToken: async () => jwt,
  } as const
  const key = await open(access)
  await works(key)
  await fake.tell('kubernetes', { id: 'mortise', secret: 'jwt-2', policies })
  await fake.tell('revoke-tokens')
  jwt = 'jwt-2'
  await works(key)
  const other = await open({ ...access, role: 'nobody' })
  await assert.rejects(works(other), reaches('root-key', /invalid role name.*vault\.kubernetesRole/))
})

test('a login that is not answered, and a credential that cannot be read, are outages', async () => {
  await fake.tell('approle', { id: 'role', secret: 'secret-id', policies })
  const key = await openByRole()
  await fake.fault({ kind: 'status', status: 503, on: 'login', times: null })
  const ended = await failsInTime(clock, works(key))
  // On a busy machine time may pass faster than an answer comes.
  reaches('unreachable', /Vault is sealed|within/)(ended)
  const unread = await openByRole(() => Promise.reject(new RootKeyError('unreachable', 'the file is gone')))
  await assert.rejects(works(unread), reaches('unreachable', /the file is gone/))
})

test('many calls at once take one login', async () => {
  await fake.tell('approle', { id: 'role', secret: 'secret-id', policies })
  const key = await openByRole()
  await Promise.all(Array.from({ length: 20 }, () => works(key)))
  assert.deepEqual(await names(), ['login'])
})
