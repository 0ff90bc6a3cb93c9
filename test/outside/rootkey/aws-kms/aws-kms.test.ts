// aws-kms: root keys: the contract of every root key against the fake of AWS KMS, which checks signatures; ARNs and aliases,
// credentials, clocks, and what each refusal means.
//
// For the real AWS KMS: MORTISE_TEST_AWS_KMS="URI URI" with two symmetric keys, and credentials where AWS's chain finds them. Nothing
// there is changed.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, copyFileSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import type { RootKeyReach } from '../../../../src/core/ports/root-key.ts'
import { parseAwsKmsUri } from '../../../../src/outside/rootkey/aws-kms/aws-kms.ts'
import { checkRootKey, openRootKey } from '../../../../src/outside/rootkey/open.ts'
import { systemClock } from '../../../../src/host/system-clock.ts'
import { accessKeyFile } from '../../../support/clouds/aws-kms-access.ts'
import { CloudFake } from '../../../support/clouds/fake.ts'
import { awsKmsAt, cloudSide, type CloudSide } from '../../../support/clouds/mortise.ts'
import { failsInTime } from '../../../support/time/passing-time.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'
import { until } from '../../../support/time/until.ts'
import { outageContract } from '../../../support/clouds/outage-contract.ts'
import { reaches, rootKeyContract } from '../../../support/root-keys/rootkey-contract.ts'
import { withoutPauses } from '../../../support/time/without-pauses.ts'

const place = Buffer.from('place')
const closing: (() => void)[] = []
let fake: CloudFake
let side: CloudSide
let file: string
let arn: string
let other: string

before(async () => {
  fake = await CloudFake.start('aws-kms')
  file = await accessKeyFile(fake)
  arn = await fake.tell('key')
  other = await fake.tell('key')
  side = cloudSide(awsKmsAt(fake, file))
})
after(async () => {
  side.clouds.close()
  await fake.stop()
})
afterEach(async () => {
  for (const close of closing.splice(0)) close()
  await fake.tell('calm')
})

/** Another server, with credentials of its own. */
function another(credentials: string, clock = withoutPauses()): CloudSide {
  const made = cloudSide({ ...awsKmsAt(fake, credentials), clock })
  closing.push(() => made.clouds.close())
  return made
}

const openFirst = (from = side) => openRootKey(`aws-kms:${arn}`, from.options)

rootKeyContract('aws-kms', {
  open: () => openFirst(),
  openOther: () => openRootKey(`aws-kms:${other}`, side.options),
  async takeAway() {
    await fake.tell('down')
    return () => fake.tell('calm')
  },
  async swap() {
    await fake.tell('state', { arn, state: 'PendingDeletion' })
    return () => fake.tell('state', { arn, state: 'Enabled' })
  },
  runs: 50,
})

outageContract('aws-kms', {
  fake: () => fake,
  open: async (clock) => {
    const own = cloudSide({ ...awsKmsAt(fake, file), ...(clock && { clock }) })
    return { key: await openFirst(own), close: () => own.clouds.close() }
  },
  encrypt: 'Encrypt',
  decrypt: 'Decrypt',
})

test('URIs: ARNs of keys and aliases in every partition, and the host of each', () => {
  const key = 'arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab'
  assert.deepEqual(parseAwsKmsUri(`aws-kms:${key}`), {
    arn: key,
    region: 'eu-central-1',
    isAlias: false,
    host: 'kms.eu-central-1.amazonaws.com',
  })
  const hosts = {
    'aws-kms:arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/a/b': 'kms.us-gov-west-1.amazonaws.com',
    'aws-kms:arn:aws-cn:kms:cn-north-1:111122223333:alias/a': 'kms.cn-north-1.amazonaws.com.cn',
    'aws-kms:arn:aws-iso:kms:us-iso-east-1:111122223333:alias/a': undefined,
  }
  for (const [uri, host] of Object.entries(hosts)) {
    assert.equal(parseAwsKmsUri(uri).host, host)
    assert.equal(parseAwsKmsUri(uri).isAlias, true)
  }
  const wrong = [
    'aws-kms:',
    'aws-kms:alias/mortise',
    'aws-kms:arn:aws:s3:::bucket',
    'aws-kms:arn:aws:kms:evil.example/-1:111122223333:key/x',
    'aws-kms:arn:aws:kms:eu-central-1.evil:111122223333:key/x',
    'aws-kms:arn:aws:kms:eu-central-1:1:key/x',
  ]
  for (const uri of wrong)
    assert.throws(() => parseAwsKmsUri(uri), reaches('root-key', /Write aws-kms: and the ARN/))
})

test('an alias is resolved to the key, and what it is pointed to later changes nothing', async () => {
  const alias = await fake.tell<string>('alias', { name: 'mortise', arn })
  const key = await openRootKey(`aws-kms:${alias}`, side.options)
  assert.equal(key.uri, `aws-kms:${arn}`)
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  await fake.tell('alias', { name: 'mortise', arn: other })
  assert.equal(Buffer.from(await key.unwrap(wrapped, place)).toString(), 'secret')
  assert.equal((await checkRootKey(`aws-kms:${alias}`, side.options)).uri, `aws-kms:${other}`)
})

test('what was sealed before a rotation opens after it; request ids are told', async () => {
  const key = await openFirst()
  const ids = new Set<string>()
  const wrapped = await key.wrap(Buffer.from('secret'), place, ids)
  await fake.tell('rotate', { arn })
  assert.equal(Buffer.from(await key.unwrap(wrapped, place, ids)).toString(), 'secret')
  assert.equal(ids.size, 2)
})

const states: readonly (readonly [string, RootKeyReach, RegExp])[] = [
  ['Disabled', 'root-key', /DisabledException.*request/],
  ['PendingDeletion', 'root-key', /pending deletion/],
  ['PendingImport', 'root-key', /KMSInvalidStateException/],
  ['Unavailable', 'unreachable', /Its state is Unavailable/],
]
for (const [state, reach, words] of states)
  test(`a key in the state ${state}: ${reach}, and it serves again when it is enabled`, async (t) => {
    t.after(() => fake.tell('state', { arn, state: 'Enabled' }))
    const key = await openFirst()
    const wrapped = await key.wrap(Buffer.from('secret'), place)
    await fake.tell('state', { arn, state })
    await assert.rejects(key.unwrap(wrapped, place), reaches(reach, words))
    await assert.rejects(checkRootKey(`aws-kms:${arn}`, side.options), reaches('root-key', /not enabled/))
    await fake.tell('state', { arn, state: 'Enabled' })
    await key.unwrap(wrapped, place)
  })

for (const [state, reach] of [
  ['Unavailable', 'unreachable'],
  ['PendingDeletion', 'root-key'],
  ['PendingImport', 'root-key'],
] as const)
  test(`a key in the state ${state}, of which DescribeKey gets no answer: ${reach}`, async (t) => {
    t.after(() => fake.tell('state', { arn, state: 'Enabled' }))
    const key = await openFirst()
    const wrapped = await key.wrap(Buffer.from('secret'), place)
    await fake.tell('state', { arn, state })
    await fake.fault({ kind: 'status', status: 503, on: 'DescribeKey', times: null })
    await assert.rejects(key.unwrap(wrapped, place), reaches(reach))
  })

test('a key in an external key store: what its proxy says is told apart, though AWS gives it all one code', async () => {
  const external = await fake.tell<string>('key', { isExternal: true })
  const uri = `aws-kms:${external}`
  assert.equal((await checkRootKey(uri, side.options)).uri, uri)
  const key = await openRootKey(uri, side.options)
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  await assert.rejects(key.unwrap(wrapped, Buffer.from('elsewhere')), reaches('wrapped-form', /is corrupted/))
  const proxy = 'The external key store proxy'
  for (const [says, reach] of [
    ['AWS KMS cannot communicate with the external key store proxy.', 'unreachable'],
    [`${proxy} did not respond to the request in the time allotted. Retry the request.`, 'unreachable'],
    [`${proxy} is in an unhealthy state.`, 'unreachable'],
    [`${proxy} denied access to the operation.`, 'root-key'],
    [`${proxy} rejected the request because it could not find the external key.`, 'root-key'],
    [
      `${proxy} rejected the request because the external key is not enabled in the external key manager.`,
      'root-key',
    ],
    [`${external} is pending deletion.`, 'root-key'],
  ] as const) {
    await fake.tell('trouble', { arn: external, says })
    await assert.rejects(key.unwrap(wrapped, place), reaches(reach), says)
    await fake.tell('trouble', { arn: external, says: null })
    await key.unwrap(wrapped, place)
  }
})

test('access that a policy takes away is a refusal, with what AWS said', async () => {
  const key = await openFirst()
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  await fake.tell('allow', { arn, allowed: false })
  await assert.rejects(
    key.unwrap(wrapped, place),
    reaches('root-key', /not authorized to perform: kms:Decrypt/),
  )
  await fake.tell('allow', { arn, allowed: true })
  await key.unwrap(wrapped, place)
})

test('a key that is gone, and keys of other kinds, are refused with what to do', async () => {
  const gone = await fake.tell<string>('key')
  await fake.tell('delete-key', { arn: gone })
  await assert.rejects(checkRootKey(`aws-kms:${gone}`, side.options), reaches('root-key', /does not exist/))
  const rsa = await fake.tell<string>('key', { spec: 'RSA_4096', usage: 'SIGN_VERIFY' })
  await assert.rejects(checkRootKey(`aws-kms:${rsa}`, side.options), reaches('root-key', /SYMMETRIC_DEFAULT/))
})

test('a wrong secret is a refusal; a file with the right one is taken within the same call', async () => {
  const mine = path.join(fake.folder, 'mine')
  copyFileSync(file, mine)
  const key = await openFirst(another(mine))
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  await fake.tell('revoke')
  const fresh = await accessKeyFile(fake)
  copyFileSync(fresh, mine)
  await key.unwrap(wrapped, place)

  const wrong = path.join(fake.folder, 'wrong')
  writeFileSync(wrong, readFileSync(fresh, 'utf8').replace(/(secret_access_key = )..../, '$1AAAA'))
  await assert.rejects(
    (await openFirst(another(wrong))).unwrap(wrapped, place),
    reaches('root-key', /InvalidSignatureException/),
  )
})

test('a session that has ended is an outage of what gives sessions out; another is taken', async () => {
  const mine = await accessKeyFile(fake, { name: 'session', seconds: 600 })
  const key = await openFirst(another(mine))
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  await fake.tell('advance', { seconds: 240 })
  await key.unwrap(wrapped, place)
  await fake.tell('advance', { seconds: 400 })
  await assert.rejects(key.unwrap(wrapped, place), reaches('unreachable', /ExpiredTokenException|expired/))
  await fake.tell('advance', { seconds: -640 })
})

test('a clock that is wrong by an hour is set right by that of AWS', async () => {
  const wrong = { ...systemClock, now: () => Date.now() - 3600_000 }
  const key = await openFirst(another(file, wrong))
  await fake.tell('forget-calls')
  await key.unwrap(await key.wrap(Buffer.from('secret'), place), place)
  const calls = await fake.calls()
  assert.deepEqual(
    calls.map(({ call, status }) => [call, status]),
    [
      ['Encrypt', 400],
      ['Encrypt', 200],
      ['Decrypt', 200],
    ],
  )
})

test('a wrong clock, or credentials that were replaced, refuse none of several calls at once', async () => {
  const mine = path.join(fake.folder, 'replaced')
  copyFileSync(file, mine)
  const wrong = { ...systemClock, now: () => Date.now() - 3600_000 }
  const key = await openFirst(another(mine, wrong))
  const wrapAll = () => Promise.all(Array.from({ length: 5 }, () => key.wrap(Buffer.from('secret'), place)))
  const [wrapped = Buffer.alloc(0)] = await wrapAll()
  await fake.tell('revoke')
  copyFileSync(await accessKeyFile(fake), mine)
  await Promise.all(Array.from({ length: 5 }, () => key.unwrap(wrapped, place)))
})

test('a program for credentials that hangs is left behind: the next call asks again', async (t) => {
  const mine = path.join(fake.folder, 'by-program')
  const pipe = path.join(fake.folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  writeFileSync(mine, `[default]\ncredential_process = cat ${pipe}\n`)
  const clock = new MovableClock()
  const key = await openFirst(another(mine, clock))
  const asked = key.wrap(Buffer.from('secret'), place)
  // As long as this is open, it waits for what is written.
  let written: number | undefined
  await until(() => (written = openedByReader(pipe)) !== undefined, 'the program runs')
  t.after(() => closeSync(written ?? assert.fail()))
  reaches('unreachable', /no credentials: they did not come in time/)(await failsInTime(clock, asked))
  copyFileSync(file, mine)
  await key.unwrap(await key.wrap(Buffer.from('secret'), place), place)
})

/** undefined: nobody reads it yet. */
function openedByReader(pipe: string): number | undefined {
  try {
    return openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
}

test('without credentials nothing is asked, and it is an outage', async (t) => {
  // The chain would look for a machine's role in the network.
  const was = process.env['AWS_EC2_METADATA_DISABLED']
  process.env['AWS_EC2_METADATA_DISABLED'] = 'true'
  t.after(() => {
    if (was === undefined) delete process.env['AWS_EC2_METADATA_DISABLED']
    else process.env['AWS_EC2_METADATA_DISABLED'] = was
  })
  const none = another(path.join(fake.folder, 'none'))
  const key = await openFirst(none)
  await fake.tell('forget-calls')
  await assert.rejects(key.wrap(Buffer.from('x'), place), reaches('unreachable', /no credentials/))
  assert.deepEqual(await fake.calls(), [])
})

const [real, realOther] = (process.env['MORTISE_TEST_AWS_KMS'] ?? '').split(/\s+/).filter(Boolean)
if (real !== undefined && realOther !== undefined) {
  const there = cloudSide({})
  after(() => there.clouds.close())
  rootKeyContract('the real AWS KMS', {
    open: () => openRootKey(real, there.options),
    openOther: () => openRootKey(realOther, there.options),
    runs: 10,
  })
}
