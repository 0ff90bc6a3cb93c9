// What the client of Key Protect does when things go wrong, against the fake: what is repeated, how long it is waited,
// what the error says, and which conclusion (reach) the keyring must draw.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, afterEach, beforeEach, test } from 'node:test'
import {
  iamTokenFreshMs,
  rootKeyAnswerTimeoutMs,
  rootKeyCallTimeoutMs,
} from '../../../../src/outside/rootkey/bounds.ts'
import { rootKeyPauseMs } from '../../../../src/outside/rootkey/https/bounds.ts'
import { iamRefusedKeyMs } from '../../../../src/outside/rootkey/https/held-access.ts'
import { rootKeyTriesMax } from '../../../../src/outside/rootkey/https/repeats.ts'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import { basicConstraints } from '../../../../src/core/pki/build.ts'
import { KeyProtectError } from '../../../../src/outside/rootkey/keyprotect/error.ts'
import { checkRootKey, listRootKeys, openRootKey } from '../../../../src/outside/rootkey/open.ts'
import { systemClock } from '../../../../src/host/system-clock.ts'
import { makeCertificate } from '../../../support/certificates/certificates.ts'
import { KeyProtectFake } from '../../../support/key-protect/fake.ts'
import type { FaultKind } from '../../../support/key-protect/faults.ts'
import { sideOf } from '../../../support/key-protect/mortise.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'
import { until } from '../../../support/time/until.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
const apiKey = readFileSync(fake.about.apiKeyFile, 'utf8').trim()
const place = Buffer.from('place')
const secret = randomBytes(32)
const id = await fake.rootKey()
let side = sideOf(fake, apiKey)
let key = await openRootKey(fake.uri(id), side.options)
const wrapped = await key.wrap(secret, place)

beforeEach(async () => {
  side = sideOf(fake, apiKey)
  key = await openRootKey(fake.uri(id), side.options)
  await fake.forgetCalls()
})
afterEach(async () => {
  side.sessions.close()
  await fake.calm()
})

async function opens(): Promise<void> {
  assert.deepEqual(Buffer.from(await key.unwrap(wrapped, place)), secret)
}

const passing: readonly (readonly [
  string,
  { kind: FaultKind; status?: number; ms?: number; times?: number },
])[] = [
  ['a 500', { kind: 'status', status: 500 }],
  ['a 503 after the work was done', { kind: 'status-after', status: 503 }],
  ['a 429 three times', { kind: 'status', status: 429, times: 3 }],
  ['a reset before the work', { kind: 'reset-before' }],
  ['a reset after the work was done', { kind: 'reset-after' }],
  ['half an answer', { kind: 'half' }],
  ['an answer that is no JSON', { kind: 'garbage' }],
  ['a page of a proxy', { kind: 'proxy', status: 403 }],
  ['a slow answer', { kind: 'slow', ms: 700 }],
]
for (const [what, fault] of passing) {
  for (const call of ['wrap', 'unwrap'] as const)
    test(`${what} costs time and nothing else: ${call}`, async () => {
      await fake.fault({ on: call, ...fault })
      if (call === 'unwrap') await opens()
      else assert.deepEqual(await key.unwrap(await key.wrap(secret, place), place), secret)
      const expected = fault.kind === 'slow' ? 1 : (fault.times ?? 1) + 1
      assert.equal((await fake.calls(call)).length, expected)
      const told = side.made.filter((made) => made.call === call)
      assert.deepEqual(
        told.map(({ attempt }) => attempt),
        Array.from({ length: expected }, (_, index) => index + 1),
      )
      assert.equal(new Set(told.map(({ correlationId }) => correlationId)).size, 1)
      assert.equal(told.at(-1)?.status, 200)
    })
}

const lasting: readonly (readonly [string, { kind: FaultKind; status?: number }, RegExp])[] = [
  ['500', { kind: 'status', status: 500 }, /has trouble of its own \(HTTP 500, correlation id/],
  ['429', { kind: 'status', status: 429 }, /asks for fewer calls \(HTTP 429/],
  ['resets', { kind: 'reset-after' }, /cannot be reached: .*(reset|hang up)/],
  ['half answers', { kind: 'half' }, /cannot be reached/],
  ['pages of a proxy', { kind: 'proxy', status: 404 }, /HTTP 404, but not as the service answers/],
  ['a gateway that says 410', { kind: 'gateway', status: 410 }, /HTTP 410, but not as the service answers/],
  ['a gateway that says 400', { kind: 'gateway', status: 400 }, /HTTP 400, but not as the service answers/],
  ...[400, 404, 409, 410, 422].map(
    (status) =>
      [
        `a gateway that says ${status} in JSON`,
        { kind: 'json-gateway', status },
        new RegExp(`HTTP ${status}, but not as the service answers`),
      ] as const,
  ),
]
for (const [what, fault, says] of lasting)
  test(`${what} for good: out of reach, after a bounded number of tries`, async () => {
    await fake.fault({ on: '*', times: null, ...fault })
    await assert.rejects(key.unwrap(wrapped, place), reaches('unreachable', says))
    assert.equal((await fake.calls('unwrap')).length, rootKeyTriesMax)
    await fake.calm()
    await opens()
  })

for (const status of [401, 403])
  test(`access that is refused with ${status} in JSON of another form is refused`, async () => {
    await fake.fault({ on: '*', times: null, kind: 'json-gateway', status })
    await assert.rejects(key.unwrap(wrapped, place), reaches('root-key', /refuses: .* may not unwrap/))
    await fake.calm()
    await opens()
  })

test('429 with Retry-After: nobody asks before, all are served afterwards', async () => {
  const { clock, own, other } = await standingStill()
  const opened = () => other.unwrap(wrapped, place)
  await fake.fault({ on: 'unwrap', kind: 'status', status: 429, retryAfter: 2 })
  const first = opened()
  await until(async () => own.made.some(({ status }) => status === 429))
  const others = [opened(), opened()]
  clock.pass(1_999)
  await opens()
  const calls = await fake.calls('unwrap')
  assert.equal(calls.length, 2, 'the first one, and that of a session which was not refused')
  clock.pass(1 + rootKeyPauseMs)
  await Promise.all([first, ...others])
  assert.equal((await fake.calls('unwrap')).length, 5)
  own.sessions.close()
})

test('429 with a Retry-After beyond the deadline: out of reach at once, for others too', async () => {
  await fake.fault({ on: 'unwrap', kind: 'status', status: 429, retryAfter: 3600 })
  await assert.rejects(key.unwrap(wrapped, place), reaches('unreachable', /fewer calls/))
  await assert.rejects(
    key.unwrap(wrapped, place),
    reaches('unreachable', /asked not to be called for (59|60) s more/),
  )
  assert.equal((await fake.calls('unwrap')).length, 1)
})

test('429 with Retry-After for new standard keys: no other one is asked for, and what is there opens', async () => {
  await fake.fault({ on: 'create', kind: 'status', status: 429, retryAfter: 3600 })
  const wanted = { name: 'mortise-one', description: 'one', payload: secret }
  const create = () => key.standardKeys?.create(wanted) ?? assert.fail('it keeps no standard keys')
  await assert.rejects(create(), reaches('unreachable', /fewer calls/))
  await opens()
  await assert.rejects(create(), reaches('unreachable', /asked not to be called/))
  assert.equal((await fake.calls('create')).length, 1)
})

test('a rate limit slows many calls down and loses none', async () => {
  const patient = sideOf(fake, apiKey, { clock: systemClock })
  const other = await openRootKey(fake.uri(id), patient.options)
  await fake.control('POST', 'traffic', { perSecond: 20 })
  const many = await Promise.allSettled(Array.from({ length: 40 }, () => other.unwrap(wrapped, place)))
  patient.sessions.close()
  assert.deepEqual(
    many.filter(({ status }) => status === 'rejected'),
    [],
  )
})

test('not more than sixteen calls of an instance at once', async () => {
  await fake.control('POST', 'traffic', { latencyMs: 50 })
  await Promise.all(Array.from({ length: 60 }, () => opens()))
  const most = await fake.inFlightMax()
  assert.ok(most <= 16 && most > 8, `${most}`)
})

test('slow, trickling and silent answers are given up at the time-out, and asked for again while time remains', async () => {
  const { clock, own, other } = await standingStill()
  const begun = clock.monotonic()
  await fake.fault({ on: 'wrap', kind: 'hang' })
  await fake.fault({ on: 'list', kind: 'slow-answer', ms: rootKeyCallTimeoutMs })
  await fake.fault({ on: 'unwrap', kind: 'hang', times: null })
  const asked = async (call: string, times: number) =>
    until(async () => (await fake.calls(call)).length === times)
  const silent = assert.rejects(other.unwrap(wrapped, place), reaches('unreachable', /no answer within/))
  const answered = Promise.all([other.wrap(secret, place), listRootKeys(fake.uri(id), own.options)])
  for (const call of ['wrap', 'list', 'unwrap']) await asked(call, 1)
  clock.pass(rootKeyAnswerTimeoutMs - 1)
  assert.equal(own.made.length, 0, 'nothing is given up before')
  clock.pass(1)
  await until(async () => own.made.length === 3)
  clock.pass(2 * rootKeyPauseMs)
  await answered
  for (const call of ['wrap', 'list'] as const)
    assert.match(
      own.made.find((made) => made.call === call && made.status === null)?.code ?? '',
      /no answer within 10000 ms/,
    )
  await asked('unwrap', 2)
  clock.pass(rootKeyCallTimeoutMs - (clock.monotonic() - begun))
  await silent
  assert.equal(clock.monotonic() - begun, rootKeyCallTimeoutMs)
  own.sessions.close()
})

test('the load names the host that calls wait for: the service, or IAM while there is no token', async () => {
  const hosts = ({ sessions }: typeof side) =>
    sessions.load.filter(({ lanes }) => lanes.some(({ running }) => running > 0)).map(({ host }) => host)
  const waits = async (on: 'unwrap' | 'token', asking: typeof side, rootKey: typeof key) => {
    await fake.fault({ on, kind: 'hang', times: null })
    const unwrap = rootKey.unwrap(wrapped, place).catch((error: unknown) => error)
    await until(async () => (await fake.calls(on)).length > 0)
    const named = hosts(asking)
    asking.sessions.close()
    await fake.calm()
    await unwrap
    return named
  }
  await opens()
  await fake.forgetCalls()
  assert.deepEqual(await waits('unwrap', side, key), [new URL(fake.uri(id)).host])
  const fresh = sideOf(fake, apiKey)
  const opened = await openRootKey(fake.uri(id), fresh.options)
  assert.deepEqual(await waits('token', fresh, opened), [new URL(fake.about.iamUrl).host])
})

test('nothing listens: out of reach, and it says so', async () => {
  await fake.control('POST', 'listeners', { keyProtect: 'down' })
  await assert.rejects(key.unwrap(wrapped, place), reaches('unreachable', /nothing listens there/))
})

test('connections are kept, and one that was closed meanwhile is replaced without a pause', async () => {
  const { own, other } = await standingStill()
  await fake.control('POST', 'listeners', { keyProtect: 'down' })
  await fake.control('POST', 'listeners', { keyProtect: 'up' })
  // A pause would not end.
  assert.deepEqual(Buffer.from(await other.unwrap(wrapped, place)), secret)
  own.sessions.close()
})

test('a certificate of another CA is not believed, and what to set is named', async () => {
  const extensions = [basicConstraints(true)]
  const { certificate } = await makeCertificate({ extensions, key: 'ec', ownKey: true })
  const own = sideOf(fake, apiKey, { ca: certificate.pem })
  const other = await openRootKey(fake.uri(id), own.options)
  await assert.rejects(other.unwrap(wrapped, place), reaches('unreachable', /MORTISE_IBM_CA_FILE/))
  assert.equal((await fake.calls()).length, 0)
  own.sessions.close()
})

test('what listens is no TLS server: out of reach', async () => {
  const server = createServer((socket) =>
    socket.on('error', () => undefined).end('HTTP/1.1 200 OK\r\n\r\n{}'),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const uri = fake
    .uri(id)
    .replace(fake.about.keyProtect, `127.0.0.1:${(server.address() as AddressInfo).port}`)
  await assert.rejects((await openRootKey(uri, side.options)).unwrap(wrapped, place), reaches('unreachable'))
  server.close()
})

// ------------------------------------------------------------------ tokens

test('one token for many calls, asked for once by all that wait for it', async () => {
  await fake.control('POST', 'traffic', { latencyMs: 30 })
  await Promise.all(Array.from({ length: 20 }, () => opens()))
  await opens()
  assert.equal((await fake.calls('token')).length, 1)
})

test('a root key that is opened again uses the token that is there', async () => {
  await opens()
  await (await openRootKey(fake.uri(id), side.options)).unwrap(wrapped, place)
  assert.equal((await fake.calls('token')).length, 1)
})

test('a token is replaced in the background from four fifths of its life on, while IAM answers or not', async () => {
  let passedMs = 0
  const own = sideOf(fake, apiKey, {
    clock: { ...systemClock, monotonic: () => performance.now() + passedMs },
  })
  const other = await openRootKey(fake.uri(id), own.options)
  const tokens = async () => (await fake.calls('token')).length
  await other.unwrap(wrapped, place)
  passedMs = 2_800_000
  await other.unwrap(wrapped, place)
  assert.equal(await tokens(), 1)
  passedMs = 2_900_000
  await fake.fault({ on: 'token', kind: 'status', status: 503 })
  await other.unwrap(wrapped, place)
  await until(async () => (await tokens()) === 2)
  await other.unwrap(wrapped, place)
  assert.equal(await tokens(), 2, 'IAM is not asked with each call')
  passedMs += iamTokenFreshMs
  await other.unwrap(wrapped, place)
  await until(async () => (await tokens()) === 3)
  await fake.control('POST', 'listeners', { iam: 'down' })
  passedMs += 2_800_000
  await other.unwrap(wrapped, place)
  own.sessions.close()
})

test('a token that ended in mid-run is replaced once, and nobody notices', async () => {
  await opens()
  await fake.advance(3_601)
  await Promise.all(Array.from({ length: 10 }, () => opens()))
  assert.equal((await fake.calls('token')).length, 2)
  assert.ok((await fake.calls('unwrap')).some(({ status }) => status === 401))
})

test('tokens that are refused for good: a no about the root key, after one fresh token', async () => {
  await opens()
  await fake.fault({ on: 'unwrap', kind: 'status', status: 401, times: null })
  await assert.rejects(key.unwrap(wrapped, place), reaches('root-key', /HTTP 401/))
  assert.equal((await fake.calls('token')).length, 2)
})

test('IAM down with a token at hand is not noticed; without one it is out of reach', async () => {
  await opens()
  await fake.control('POST', 'listeners', { iam: 'down' })
  await opens()
  await fake.control('DELETE', 'tokens')
  await assert.rejects(key.unwrap(wrapped, place), reaches('unreachable', /IAM at .* cannot be reached/))
  await fake.control('POST', 'listeners', { iam: 'up' })
  await opens()
})

test('a ciphertext that cannot hold what was wrapped is not taken for one', async () => {
  await fake.fault({ on: 'wrap', kind: 'nonsense' })
  await assert.rejects(key.wrap(secret, place), reaches('unreachable', /answers wrap with something else/))
  assert.deepEqual(await key.unwrap(await key.wrap(secret, place), place), secret)
})

for (const kind of ['reset-before', 'half', 'garbage', 'status'] as const)
  test(`IAM answers ${kind} once: asked again`, async () => {
    await fake.fault({ on: 'token', kind, status: 503 })
    await opens()
    assert.equal((await fake.calls('token')).length, 2)
  })

test('IAM too busy for good: out of reach', async () => {
  await fake.fault({ on: 'token', kind: 'status', status: 429, times: null })
  await assert.rejects(
    key.unwrap(wrapped, place),
    reaches('unreachable', /IAM at .* no token now \(HTTP 429\)/),
  )
})

test('an API key that IAM refuses: a no about the root key, at once, and what to do', async () => {
  const own = sideOf(fake, 'no-such-key')
  const other = await openRootKey(fake.uri(id), own.options)
  await assert.rejects(
    other.unwrap(wrapped, place),
    reaches('root-key', /refuses the API key \(HTTP 400, BXNIM0415E.*service-api-key-create/),
  )
  const asked = await fake.calls('token')
  assert.equal(asked.length, 1)
  assert.equal(own.made.at(-1)?.correlationId, asked[0]?.correlationId, "told with IAM's own id")
  own.sessions.close()
})

test('an API key that IAM refused is remembered for a while; another one is tried at once', async () => {
  let passedMs = 0
  let current = 'no-such-key'
  const own = sideOf(fake, '', {
    apiKey: () => Promise.resolve(current),
    clock: { ...systemClock, monotonic: () => performance.now() + passedMs },
  })
  const other = await openRootKey(fake.uri(id), own.options)
  const refused = () =>
    assert.rejects(other.unwrap(wrapped, place), reaches('root-key', /refuses the API key/))
  for (let turn = 0; turn < 10; turn++) await refused()
  assert.equal((await fake.calls('token')).length, 1)
  passedMs += iamRefusedKeyMs
  await refused()
  assert.equal((await fake.calls('token')).length, 2)
  current = apiKey
  await other.unwrap(wrapped, place)
  own.sessions.close()
})

for (const status of [401, 403] as const)
  test(`${status} for good: one fresh token every ten seconds`, async () => {
    let passedMs = 0
    const own = sideOf(fake, apiKey, {
      clock: { ...systemClock, monotonic: () => performance.now() + passedMs },
    })
    const other = await openRootKey(fake.uri(id), own.options)
    await other.unwrap(wrapped, place)
    await fake.fault({ on: 'unwrap', kind: 'status', status, times: null })
    for (; passedMs < 25_000; passedMs += 500)
      await assert.rejects(other.unwrap(wrapped, place), reaches('root-key'))
    const tokens = (await fake.calls('token')).length
    assert.ok(tokens >= 3 && tokens <= 4, `${tokens}`)
    own.sessions.close()
  })

for (const [what, iamUrl] of [
  ['with the path that Mortise appends', `${fake.about.iamUrl}/identity/token`],
  ['with another path', `${fake.about.iamUrl}/iam`],
] as const)
  test(`the URL of IAM ${what}: out of reach, and the message is about the URL, not the API key`, async () => {
    const own = sideOf(fake, apiKey, { iamUrl })
    const other = await openRootKey(fake.uri(id), own.options)
    await assert.rejects(other.unwrap(wrapped, place), (error: unknown) => {
      assert.ok(error instanceof RootKeyError && !/new one|API key/.test(error.message))
      return reaches('unreachable', /HTTP 404.*MORTISE_IBM_IAM_URL is the base URL of IAM/)(error)
    })
    assert.equal(own.made.length, 1, 'not repeated')
    own.sessions.close()
  })

test('an API key that is replaced is used with the next token', async () => {
  const serviceId = await fake.serviceId({ roles: ['Reader'] })
  let current = serviceId.apiKey
  const own = sideOf(fake, '', { apiKey: () => Promise.resolve(current) })
  const other = await openRootKey(fake.uri(id), own.options)
  await other.unwrap(wrapped, place)
  current = (await fake.control<{ apiKey: string }>('POST', `service-ids/${serviceId.id}/api-key`)).apiKey
  await fake.control('DELETE', 'tokens')
  await other.unwrap(wrapped, place)
  own.sessions.close()
})

// ------------------------------------------------------------------ refusals

test('errors carry status, code and the correlation id that the service saw', async () => {
  const other = await fake.rootKey()
  await fake.admin('POST', `/keys/${other}/actions/disable`)
  const disabled = await openRootKey(fake.uri(other), side.options)
  const error = await disabled.wrap(secret, place).then(
    () => assert.fail('was wrapped'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof KeyProtectError && error instanceof RootKeyError)
  assert.deepEqual(
    [error.reach, error.call, error.refusal?.status, error.refusal?.code],
    ['root-key', 'wrap', 409, 'KEY_ACTION_INVALID_STATE_ERR'],
  )
  const [call] = await fake.calls('wrap')
  assert.equal(call?.correlationId, error.correlationId)
  assert.ok(error.message.includes(error.correlationId))
  assert.deepEqual(
    side.made.map(({ call: name, key: on, status, code }) => [name, on, status, code]),
    [
      ['wrap', other, 409, 'KEY_ACTION_INVALID_STATE_ERR'],
      ['metadata', other, 200, null],
    ],
  )
})

test('a root key that has expired seals nothing new, which is no withdrawal: what it sealed opens', async () => {
  const { now } = await fake.control<{ now: string }>('GET', 'state')
  const expirationDate = new Date(Date.parse(now) + 60_000).toISOString()
  const other = await fake.rootKey({ expirationDate })
  const expiring = await openRootKey(fake.uri(other), side.options)
  const before = await expiring.wrap(secret, place)
  await fake.advance(61)
  const error = await expiring.wrap(secret, place).then(
    () => assert.fail('was wrapped'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof KeyProtectError)
  assert.deepEqual([error.reach, error.call, error.refusal?.status], ['wrapped-form', 'wrap', 409])
  assert.match(
    error.message,
    /^Key Protect at \S+ refuses: the root key \S+ expired at 20\S+Z and seals nothing/,
  )
  assert.match(
    error.message,
    /still opens.*instance set-root-key NAME.*HTTP 409, KEY_ACTION_INVALID_STATE_ERR/,
  )
  const [call] = await fake.calls('wrap')
  assert.ok(call && error.message.includes((await fake.calls('wrap')).at(-1)?.correlationId ?? '-'))
  assert.deepEqual(Buffer.from(await expiring.unwrap(before, place)), secret)
  // Whether it has expired or was disabled is not known then.
  await fake.fault({ on: 'metadata', kind: 'status', status: 404 })
  await assert.rejects(expiring.wrap(secret, place), reaches('root-key', /is not active/))
})

test('withdrawn: disabled, deleted and purged keys are a no about the root key; enabling and restoring bring it back', async () => {
  const other = await fake.rootKey()
  const root = await openRootKey(fake.uri(other), side.options)
  const form = await root.wrap(secret, place)
  await fake.admin('POST', `/keys/${other}/actions/disable`)
  await assert.rejects(root.unwrap(form, place), reaches('root-key', /not active.*key enable/))
  await fake.admin('POST', `/keys/${other}/actions/enable`, undefined, {}, 409)
  await fake.advance(30)
  await fake.admin('POST', `/keys/${other}/actions/enable`)
  await root.unwrap(form, place)
  await fake.admin('DELETE', `/keys/${other}`)
  await assert.rejects(root.unwrap(form, place), reaches('root-key', /was deleted.*key restore/))
  await fake.advance(30)
  await fake.admin('POST', `/keys/${other}/restore`)
  await root.unwrap(form, place)
  await fake.admin('DELETE', `/keys/${other}`)
  await fake.advance(4 * 3600)
  await fake.admin('DELETE', `/keys/${other}/purge`)
  await assert.rejects(root.unwrap(form, place), reaches('root-key', /has no key/))
})

const least = [
  ['wrap', () => key.wrap(secret, place)],
  ['unwrap', () => key.unwrap(wrapped, place)],
  ['check', () => checkRootKey(fake.uri(id), side.options)],
  ['list', () => listRootKeys(fake.uri(id), side.options)],
] as const
for (const [what, work] of least)
  test(`least privilege: Reader is enough to ${what}; without it the error names it`, async () => {
    const serviceId = await fake.serviceId({ roles: ['Reader'] })
    side.sessions.close()
    side = sideOf(fake, serviceId.apiKey)
    key = await openRootKey(fake.uri(id), side.options)
    await work()
    await fake.control('PUT', `service-ids/${serviceId.id}/policies`, { policies: [] })
    await assert.rejects(work(), (error: unknown) => {
      const named = `${serviceId.id}.*service role Reader.*service-policy-create ${serviceId.id} --roles Reader --service-name kms --service-instance ${fake.about.instance}`
      return reaches('root-key', new RegExp(named))(error)
    })
  })

test('Reader on the one key is enough to seal and open, and to be checked; not to list', async () => {
  const serviceId = await fake.serviceId({ roles: ['Reader'], key: id })
  const own = sideOf(fake, serviceId.apiKey)
  assert.equal((await checkRootKey(fake.uri(id), own.options)).id, id)
  await assert.rejects(listRootKeys(fake.uri(id), own.options), reaches('root-key', /may not list the keys/))
  const another = await fake.rootKey()
  await assert.rejects(
    checkRootKey(fake.uri(another), own.options),
    reaches('root-key', /may not look at the key/),
  )
  own.sessions.close()
})

test('Reader on a key ring lists and uses the keys of that ring', async () => {
  await fake.admin('POST', '/key_rings/ring-1')
  const inside = await fake.rootKey({}, { 'X-Kms-Key-Ring': 'ring-1' })
  const serviceId = await fake.serviceId({ roles: ['Reader'], keyRing: 'ring-1' })
  const own = sideOf(fake, serviceId.apiKey)
  const listed = await listRootKeys(fake.uri(inside, { keyRing: 'ring-1' }), own.options)
  assert.deepEqual(
    listed.map(({ uri }) => uri),
    [fake.uri(inside, { keyRing: 'ring-1' })],
  )
  await checkRootKey(fake.uri(inside), own.options)
  own.sessions.close()
})

test('a role that was just given works with the next call', async () => {
  const serviceId = await fake.serviceId()
  const own = sideOf(fake, serviceId.apiKey)
  const other = await openRootKey(fake.uri(id), own.options)
  await assert.rejects(other.unwrap(wrapped, place), reaches('root-key', /HTTP 403/))
  const reader = { policies: [{ instance: fake.about.instance, roles: ['Reader'] }] }
  await fake.control('PUT', `service-ids/${serviceId.id}/policies`, reader)
  await other.unwrap(wrapped, place)
  own.sessions.close()
})

/** A session with a token and a connection, whose clock stands still until the test moves it. */
async function standingStill() {
  const clock = new MovableClock()
  const own = sideOf(fake, apiKey, { clock })
  const other = await openRootKey(fake.uri(id), own.options)
  await other.unwrap(wrapped, place)
  own.made.length = 0
  await fake.forgetCalls()
  return { clock, own, other }
}
