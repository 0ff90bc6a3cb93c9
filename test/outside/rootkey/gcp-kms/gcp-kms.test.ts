// gcp-kms: root keys: the contract of every root key against the fake of Google Cloud; names, versions and their states, checksums of
// both directions, logins, and what each refusal means.
//
// For the real Cloud KMS: MORTISE_TEST_GCP_KMS="URI URI" with two symmetric keys, and MORTISE_TEST_GCP_CREDENTIALS with the key file of
// a service account. Nothing there is changed.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, afterEach, before, test } from 'node:test'
import { loginPauseMsMax } from '../../../../src/outside/rootkey/https/held-access.ts'
import { rootKeyTriesMax } from '../../../../src/outside/rootkey/https/repeats.ts'
import type { RootKey } from '../../../../src/core/ports/root-key.ts'
import type { GcpAccess } from '../../../../src/outside/rootkey/gcp-kms/api.ts'
import { parseGcpUri } from '../../../../src/outside/rootkey/gcp-kms/gcp-kms.ts'
import { checkRootKey, openRootKey } from '../../../../src/outside/rootkey/open.ts'
import { systemClock } from '../../../../src/host/system-clock.ts'
import { CloudFake } from '../../../support/clouds/fake.ts'
import { serviceAccountKey } from '../../../support/clouds/gcp-credentials.ts'
import { cloudSide, gcpKmsAt, type CloudSide } from '../../../support/clouds/mortise.ts'
import { outageContract } from '../../../support/clouds/outage-contract.ts'
import { reaches, rootKeyContract } from '../../../support/root-keys/rootkey-contract.ts'
import { withoutPauses } from '../../../support/time/without-pauses.ts'

const ring = 'projects/contoso/locations/europe-west3/keyRings/mortise/cryptoKeys'
const [name, other] = [`${ring}/production`, `${ring}/other`]
const uri = `gcp-kms:${name}`
const place = Buffer.from('place')
const closing: (() => void)[] = []
let fake: CloudFake
let side: CloudSide
let keyFile: string

before(async () => {
  fake = await CloudFake.start('gcp-kms')
  keyFile = await serviceAccountKey(fake)
  for (const key of [name, other]) await fake.tell('key', { key })
  side = cloudSide(gcpKmsAt(fake, byFile()))
})
after(async () => {
  side.clouds.close()
  await fake.stop()
})
afterEach(async () => {
  for (const close of closing.splice(0)) close()
  await fake.tell('calm')
  await fake.tell('behave')
})

function byFile(read = () => keyFile): GcpAccess {
  return { method: 'service-account', readKeyFile: async () => read() }
}

/** The key as another server opens it. */
async function another(access: GcpAccess, clock = withoutPauses()): Promise<RootKey> {
  const own = cloudSide({ ...gcpKmsAt(fake, access), clock })
  closing.push(() => own.clouds.close())
  await fake.tell('forget-calls')
  return openRootKey(uri, own.options)
}

async function works(key: RootKey): Promise<void> {
  const opened = await key.unwrap(await key.wrap(Buffer.from('secret'), place), place)
  assert.equal(Buffer.from(opened).toString(), 'secret')
}

const open = () => openRootKey(uri, side.options)
const logins = async () => (await fake.calls('login')).length

rootKeyContract('gcp-kms', {
  open,
  openOther: () => openRootKey(`gcp-kms:${other}`, side.options),
  async takeAway() {
    await fake.tell('down')
    return () => fake.tell('calm')
  },
  async swap() {
    await fake.tell('state', { key: name, state: 'DISABLED' })
    return () => fake.tell('state', { key: name, state: 'ENABLED' })
  },
  runs: 50,
})

outageContract('gcp-kms', {
  fake: () => fake,
  open: async (clock) => {
    const own = cloudSide({ ...gcpKmsAt(fake, byFile()), ...(clock && { clock }) })
    return { key: await openRootKey(uri, own.options), close: () => own.clouds.close() }
  },
  encrypt: 'encrypt',
  decrypt: 'decrypt',
})

test('URIs: the resource name of a key; no version, no way out of the path', () => {
  assert.equal(parseGcpUri(uri), name)
  const ofDomain = 'projects/example.com:contoso/locations/global/keyRings/r/cryptoKeys/k'
  assert.equal(parseGcpUri(`gcp-kms:${ofDomain}`), ofDomain)
  const wrong = [
    'gcp-kms:',
    'gcp-kms:production',
    `gcp-kms:${name}/cryptoKeyVersions/1`,
    `gcp-kms:/${name}`,
    'gcp-kms:projects/p/locations/l/keyRings/../cryptoKeys/k',
    'gcp-kms:projects/p/locations/l/keyRings/r/cryptoKeys/k?x=1',
    'gcp-kms:projects/p/locations/l/keyRings/r/cryptoKeys/k:decrypt',
    'gcp-kms:https://cloudkms.googleapis.com/v1/projects/p/locations/l/keyRings/r/cryptoKeys/k',
  ]
  for (const one of wrong) assert.throws(() => parseGcpUri(one), reaches('root-key', /Write gcp-kms:/))
})

test('after a rotation old wraps open, are known to be old, and are wrapped again', async () => {
  const key = await open()
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  const was = key.versions?.of(wrapped) ?? ''
  await fake.tell('rotate', { key: name })
  assert.equal(Buffer.from(await key.unwrap(wrapped, place)).toString(), 'secret')
  const newest = await key.versions?.newest()
  assert.equal(Number(newest), Number(was) + 1)
  const again = (await key.versions?.rewrap(wrapped, place)) ?? assert.fail('no versions')
  assert.equal(key.versions?.of(again), newest)
})

for (const state of ['DISABLED', 'DESTROY_SCHEDULED', 'DESTROYED'])
  test(`a version in the state ${state} is a refusal that says so; it serves again when it is enabled`, async (t) => {
    t.after(() => fake.tell('state', { key: name, state: 'ENABLED' }))
    const key = await open()
    const wrapped = await key.wrap(Buffer.from('secret'), place)
    await fake.tell('state', { key: name, state })
    const says = reaches('root-key', new RegExp(`current state is: ${state}.*gcloud kms keys versions`))
    await assert.rejects(key.unwrap(wrapped, place), says)
    await assert.rejects(checkRootKey(uri, side.options), says)
    await fake.tell('state', { key: name, state: 'ENABLED' })
    await key.unwrap(wrapped, place)
  })

test('an external key manager that does not answer is an outage, and what it denies is a refusal', async (t) => {
  t.after(() => fake.tell('trouble', { key: name }))
  const key = await open()
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  for (const [domain, reach] of [
    ['UNREACHABLE_NETWORK', 'unreachable'],
    ['TIMEOUT', 'unreachable'],
    ['EXTERNAL_RESOURCE_EXHAUSTED', 'unreachable'],
    ['TLS_CERT', 'unreachable'],
    ['EXTERNAL_PERMISSION_DENIED', 'root-key'],
    ['EXTERNAL_NOT_FOUND', 'root-key'],
  ] as const) {
    await fake.tell('trouble', { key: name, domain })
    await assert.rejects(key.unwrap(wrapped, place), reaches(reach, new RegExp(domain)), domain)
    await fake.tell('trouble', { key: name })
    await key.unwrap(wrapped, place)
  }
})

test('a role that was taken away, and a key that is not there or cannot encrypt, are refusals', async (t) => {
  t.after(() => fake.tell('permit', { key: name, permitted: ['useToEncrypt', 'useToDecrypt'] }))
  const key = await open()
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  await fake.tell('permit', { key: name, permitted: ['useToEncrypt'] })
  await assert.rejects(key.unwrap(wrapped, place), reaches('root-key', /useToDecrypt' denied.*root-key-gcp/))
  await assert.rejects(
    checkRootKey(`gcp-kms:${ring}/none`, side.options),
    reaches('root-key', /or it may not exist/),
  )
  await fake.tell('key', { key: `${ring}/signs`, purpose: 'ASYMMETRIC_SIGN' })
  await assert.rejects(
    checkRootKey(`gcp-kms:${ring}/signs`, side.options),
    reaches('root-key', /ASYMMETRIC_SIGN/),
  )
})

test('the check passes with the right to use the key alone', async () => {
  await fake.tell('forget-calls')
  assert.deepEqual(await checkRootKey(uri, side.options), { uri, id: name, warnings: [] })
  assert.deepEqual(new Set((await fake.calls()).map(({ call }) => call)), new Set(['encrypt', 'decrypt']))
})

test('what was damaged on its way, there or back, is asked for again; for good, it is unreachable', async () => {
  const key = await open()
  for (const damage of ['damagedAnswers', 'damagedQuestions']) {
    await fake.tell('behave', { [damage]: 1 })
    await works(key)
    const wrapped = await key.wrap(Buffer.from('secret'), place)
    await fake.tell('behave', { [damage]: 1 })
    assert.equal(Buffer.from(await key.unwrap(wrapped, place)).toString(), 'secret')
    await fake.tell('behave', { [damage]: 1000 })
    await fake.tell('forget-calls')
    await assert.rejects(key.unwrap(wrapped, place), reaches('unreachable'))
    assert.equal((await fake.calls('decrypt')).length, rootKeyTriesMax)
    await fake.tell('behave')
  }
})

test('a service account: one token for many calls, and another within the same call when it ended', async () => {
  const key = await another(byFile())
  await Promise.all(Array.from({ length: 10 }, () => works(key)))
  assert.equal(await logins(), 1)
  await fake.tell('revoke-tokens')
  await works(key)
  assert.equal(await logins(), 2)
})

test('a key that Google does not know is a refusal; another one in the file is taken', async () => {
  let text = keyFile.replace('mortise@', 'nobody@')
  const key = await another(byFile(() => text))
  for (let times = 0; times < 3; times++)
    await assert.rejects(works(key), (error: unknown) => {
      reaches('root-key', /account not found.*gcp\.credentialsFile/)(error)
      return !String(error).includes('PRIVATE KEY')
    })
  assert.equal(await logins(), 1)
  text = keyFile
  await works(key)
})

test('a key file that is none is an outage, and what it holds is not told', async () => {
  for (const text of [
    'hunter2',
    '{"type":"authorized_user","refresh_token":"hunter2"}',
    keyFile.replace('BEGIN', 'hunter2'),
  ])
    await assert.rejects(works(await another(byFile(() => text))), (error: unknown) => {
      reaches('unreachable', /gcp\.credentialsFile names must be the key of a service account/)(error)
      return !String(error).includes('hunter2')
    })
})

test('a clock that is wrong by an hour is set right by that of Google', async () => {
  const wrong = { ...systemClock, now: () => Date.now() + 2 * 3600_000 }
  await works(await another(byFile(), wrong))
  assert.equal(await logins(), 2)
})

test('the metadata server of the machine gives the token; where it has no service account, it is an outage', async () => {
  await works(await another({ method: 'metadata-server' }))
  await fake.tell('behave', { hasAccount: false })
  const none = await another({ method: 'metadata-server' })
  await assert.rejects(works(none), reaches('unreachable', /metadata server of this machine.*HTTP 404/))
})

test('a login that is not answered is an outage', async () => {
  for (const fault of [
    { kind: 'proxy', status: 403 },
    { kind: 'reset-before' },
    { kind: 'garbage' },
  ] as const) {
    await fake.fault({ ...fault, on: 'login', times: null })
    const clock = withoutPauses()
    const key = await another(byFile(), clock)
    await assert.rejects(works(key), reaches('unreachable'))
    await fake.tell('calm')
    // All calls pause together after a login that was not answered.
    await clock.sleep(loginPauseMsMax)
    await works(key)
  }
})

const [real, realOther] = (process.env['MORTISE_TEST_GCP_KMS'] ?? '').split(/\s+/).filter(Boolean)
if (real !== undefined && realOther !== undefined) {
  const text = readFileSync(process.env['MORTISE_TEST_GCP_CREDENTIALS'] ?? '', 'utf8')
  const there = cloudSide({
    gcpKms: {
      access: byFile(() => text),
      endpoint: 'https://cloudkms.googleapis.com',
      ca: undefined,
    },
  })
  after(() => there.clouds.close())
  rootKeyContract('the real Cloud KMS', {
    open: () => openRootKey(real, there.options),
    openOther: () => openRootKey(realOther, there.options),
    runs: 10,
  })
}
