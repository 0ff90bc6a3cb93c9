// Standard keys in Key Protect: the contract against the fake, against what other tests use instead, and against a
// real instance where one is named; what happens when a call does not go well, roles, key rings, and whose turn it is.
//
// For a real instance: MORTISE_TEST_KEYPROTECT_STANDARD_KEYS=URI with an active root key, and
// MORTISE_TEST_KEYPROTECT_API_KEY_FILE with the API key of a service ID that is Manager there. Some 30 standard keys
// are made there and deleted again; each is billed for a month.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, beforeEach, test } from 'node:test'
import {
  RootKeyError,
  StandardKeyUncertain,
  type RootKey,
  type StandardKeys,
} from '../../../../src/core/ports/root-key.ts'
import { rootKeyCallsMax } from '../../../../src/base/bounds.ts'
import { rootKeyAnswerTimeoutMs } from '../../../../src/outside/rootkey/bounds.ts'
import { rootKeyTriesMax } from '../../../../src/outside/rootkey/https/repeats.ts'
import { standardKeyUnknownMs } from '../../../../src/outside/rootkey/keyprotect/session.ts'
import { checkRootKey, openRootKey } from '../../../../src/outside/rootkey/open.ts'
import { FaultyRootKey } from '../../../support/root-keys/faulty-root-key.ts'
import { KeyProtectFake } from '../../../support/key-protect/fake.ts'
import type { Fault } from '../../../support/key-protect/faults.ts'
import { sideOf, sideOfReal } from '../../../support/key-protect/mortise.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'
import type { Role } from '../../../support/key-protect/state.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'
import { standardKeysContract, uniqueName } from '../../../support/root-keys/standard-keys-contract.ts'
import { withoutPauses } from '../../../support/time/without-pauses.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
const manager = readFileSync(fake.about.managerApiKeyFile, 'utf8').trim()
let passedMs = 0
const clock = withoutPauses()
const side = sideOf(fake, manager, {
  clock: { ...clock, monotonic: () => clock.monotonic() + passedMs },
})
after(() => side.sessions.close())
const id = await fake.rootKey()
const place = Buffer.from('place')

beforeEach(async () => {
  await fake.calm()
  await fake.forgetCalls()
  side.made.length = 0
})

/** Time passes for the service and for Mortise. */
async function advance(seconds: number): Promise<void> {
  await fake.advance(seconds)
  passedMs += seconds * 1000
}

const inMemory = new FaultyRootKey()
standardKeysContract('in memory', {
  open: () => Promise.resolve(inMemory),
  rotate: () => Promise.resolve(inMemory.rotate()),
  takeAway() {
    inMemory.fault = 'unreachable'
    return Promise.resolve(() => {
      inMemory.fault = null
      return Promise.resolve()
    })
  },
})

standardKeysContract('keyprotect', {
  open: () => openRootKey(fake.uri(id), side.options),
  async rotate() {
    await advance(3_601)
    await fake.admin('POST', `/keys/${id}/actions/rotate`)
  },
  async takeAway() {
    await fake.control('POST', 'listeners', { keyProtect: 'down' })
    return () => fake.calm()
  },
})

const real = process.env['MORTISE_TEST_KEYPROTECT_STANDARD_KEYS']
if (real === undefined) {
  process.stderr.write(
    'No test with standard keys of a real Key Protect: MORTISE_TEST_KEYPROTECT_STANDARD_KEYS names no root key.\n',
  )
} else {
  const { options, sessions } = sideOfReal()
  after(() => sessions.close())
  standardKeysContract('a real Key Protect', { open: () => openRootKey(real, options) })
  test('a real root key is checked for custody keyprotect', async () => {
    await checkRootKey(real, { ...options, standardKeys: true })
  })
}

async function opened(uri = fake.uri(id), options = side.options) {
  const rootKey = await openRootKey(uri, options)
  assert.ok(rootKey.standardKeys && rootKey.versions)
  return { rootKey, standardKeys: rootKey.standardKeys, versions: rootKey.versions }
}

function wanted(name: string) {
  return { name, description: 'mortise 1 test', payload: randomBytes(40) }
}

// ------------------------------------------------------------------ create: made once, or not known

const uncertain: readonly (Omit<Fault, 'on'> & { readonly made: number; readonly says: RegExp })[] = [
  { kind: 'reset-before', made: 0, says: /connection was reset.*not known/ },
  { kind: 'reset-after', made: 1, says: /connection was reset.*not known/ },
  { kind: 'half', made: 1, says: /not known/ },
  { kind: 'garbage', made: 1, says: /is not JSON.*not known/ },
  { kind: 'proxy', status: 502, made: 1, says: /HTTP 502.*not known/ },
  { kind: 'proxy', status: 302, made: 1, says: /HTTP 302.*not known/ },
  { kind: 'status', status: 500, made: 0, says: /trouble of its own.*not known/ },
  { kind: 'status-after', status: 503, made: 1, says: /trouble of its own.*not known/ },
  { kind: 'status', status: 501, made: 0, says: /not known/ },
  { kind: 'status-after', status: 408, made: 1, says: /not known/ },
]
for (const { made, says, ...fault } of uncertain)
  test(`create, ${fault.kind} ${fault.status ?? ''}: asked once, and it is not known`, async () => {
    const { standardKeys } = await opened()
    const name = uniqueName()
    await fake.fault({ on: 'create', times: null, ...fault })
    const correlationIds = new Set<string>()
    await assert.rejects(standardKeys.create(wanted(name), correlationIds), (error: unknown) => {
      assert.ok(error instanceof StandardKeyUncertain, String(error))
      return reaches('unreachable', says)(error)
    })
    const calls = await fake.calls('create')
    assert.deepEqual(
      calls.map(({ correlationId }) => correlationId),
      [...correlationIds],
    )
    assert.equal((await standardKeys.find(name)).length, made)
  })

test('create, an answer after the time-out: asked once, and it is not known', async () => {
  const clock = new MovableClock()
  const own = sideOf(fake, manager, { clock })
  const { standardKeys } = await opened(fake.uri(id), own.options)
  const name = uniqueName()
  await fake.fault({ on: 'create', kind: 'slow-answer', ms: rootKeyAnswerTimeoutMs })
  const created = assert.rejects(standardKeys.create(wanted(name)), (error: unknown) => {
    assert.ok(error instanceof StandardKeyUncertain)
    return reaches('unreachable', /no answer within 10000 ms/)(error)
  })
  for (let turn = 0; turn < 1_000; turn++) if ((await fake.calls('create')).length > 0) break
  clock.pass(rootKeyAnswerTimeoutMs)
  await created
  assert.equal((await fake.calls('create')).length, 1)
  assert.equal((await standardKeys.find(name)).length, 1)
  own.sessions.close()
})

test('create while nothing listens, or without a token: certainly not made', async () => {
  const { standardKeys } = await opened()
  await fake.control('POST', 'listeners', { keyProtect: 'down' })
  await assert.rejects(standardKeys.create(wanted(uniqueName())), isCertain)
  assert.equal(side.made.length, rootKeyTriesMax, 'and therefore asked for again')
  await fake.calm()
  const own = sideOf(fake, manager)
  const { standardKeys: another } = await opened(fake.uri(id), own.options)
  await fake.control('POST', 'listeners', { iam: 'down' })
  await assert.rejects(another.create(wanted(uniqueName())), isCertain)
  own.sessions.close()
})

function isCertain(error: unknown): true {
  assert.ok(!(error instanceof StandardKeyUncertain))
  return reaches('unreachable', /cannot be reached/)(error)
}

const certain: readonly Fault[] = [
  { on: 'create', kind: 'status', status: 429, times: 3 },
  { on: 'create', kind: 'status', status: 401 },
  { on: 'token', kind: 'reset-before' },
]
for (const fault of certain)
  test(`create, ${fault.status ?? fault.kind} of ${fault.on} for a while: made in the end, once`, async () => {
    const own = sideOf(fake, manager)
    const { standardKeys } = await opened(fake.uri(id), own.options)
    const name = uniqueName()
    await fake.fault(fault)
    const made = await standardKeys.create(wanted(name))
    assert.deepEqual(
      (await standardKeys.find(name)).map((found) => found.id),
      [made],
    )
    own.sessions.close()
  })

test('create, first 429 and then a reset: not known, and not asked again', async () => {
  const { standardKeys } = await opened()
  await fake.fault({ on: 'create', kind: 'status', status: 429 })
  await fake.fault({ on: 'create', kind: 'reset-after', times: null })
  await assert.rejects(
    standardKeys.create(wanted(uniqueName())),
    (error: unknown) => error instanceof StandardKeyUncertain,
  )
  assert.equal((await fake.calls('create')).length, 2)
})

test('a token that ends while keys are made: every key is there once', async () => {
  const { standardKeys } = await opened()
  const name = uniqueName()
  const ids = await Promise.all(
    Array.from({ length: 60 }, async (_, at) => {
      if (at === 30) await fake.control('DELETE', 'tokens')
      return standardKeys.create(wanted(name))
    }),
  )
  const found = await standardKeys.find(name)
  assert.deepEqual(found.map((key) => key.id).toSorted(), ids.toSorted())
})

// ------------------------------------------------------------------ the other calls are repeated

for (const kind of ['reset-before', 'reset-after', 'half', 'garbage', 'status', 'status-after'] as const)
  test(`${kind}, once: reading, finding, listing, rewrapping and deleting are done all the same`, async () => {
    const { rootKey, standardKeys, versions } = await opened()
    const wrapped = await rootKey.wrap(Buffer.from('x'), place)
    const key = wanted(uniqueName())
    const made = await standardKeys.create(key)
    for (const on of ['get', 'list', 'rewrap', 'delete'])
      await fake.fault({ on, kind, ...(kind.startsWith('status') && { status: 503 }) })
    assert.deepEqual(Buffer.from(await standardKeys.read(made)), key.payload)
    assert.equal((await standardKeys.find(key.name)).length, 1)
    await versions.rewrap(wrapped, place)
    await standardKeys.remove(made)
    assert.deepEqual(await standardKeys.find(key.name), [])
  })

test('a deletion that a proxy answers in the service’s place is not taken for done', async () => {
  const { standardKeys } = await opened()
  const made = await standardKeys.create(wanted(uniqueName()))
  for (const status of [200, 404]) {
    await fake.fault({ on: 'delete', kind: 'proxy', status, times: null })
    await assert.rejects(standardKeys.remove(made), reaches('unreachable'))
    await fake.calm()
    // What the proxy in front of it hid: the fake did it.
    await advance(31)
    await fake.admin('POST', `/keys/${made}/restore`)
  }
  await standardKeys.read(made)
})

test('a 404 that does not say that it is about the key, as of an instance that is gone for now, is not taken for done', async () => {
  const { standardKeys } = await opened()
  const made = await standardKeys.create(wanted(uniqueName()))
  passedMs += standardKeyUnknownMs
  await fake.fault({ on: 'delete', kind: 'status', status: 404 })
  await assert.rejects(standardKeys.remove(made), reaches('wrapped-form'))
  await standardKeys.read(made)
  await standardKeys.remove(made)
  await assert.rejects(standardKeys.read(made))
})

// ------------------------------------------------------------------ what the owner does

test('a node that does not know a new key yet: the key is read all the same, and a deletion is not taken for done', async () => {
  const { standardKeys } = await opened()
  const name = uniqueName()
  const one = wanted(name)
  const key = await standardKeys.create(one)
  await fake.fault({ on: 'get', kind: 'unknown-key', times: 3 })
  assert.deepEqual(Buffer.from(await standardKeys.read(key)), one.payload)
  await fake.fault({ on: 'delete', kind: 'unknown-key', times: 3 })
  await standardKeys.remove(key)
  assert.deepEqual(await standardKeys.find(name), [])
})

test('an older key that the service does not know is gone at once', async () => {
  const { standardKeys } = await opened()
  const key = await standardKeys.create(wanted(uniqueName()))
  passedMs += standardKeyUnknownMs
  await fake.fault({ on: 'get', kind: 'unknown-key', times: null })
  await assert.rejects(standardKeys.read(key), reaches('wrapped-form', /has no standard key/))
  assert.equal((await fake.calls('get')).length, 1)
})

test('deleted by its owner: a no about this key alone, with how to bring it back; restored it is read again', async () => {
  const { standardKeys } = await opened()
  const [key, other] = [wanted(uniqueName()), wanted(uniqueName())]
  const [made, untouched] = [await standardKeys.create(key), await standardKeys.create(other)]
  await fake.admin('DELETE', `/keys/${made}`)
  const says = new RegExp(
    `standard key ${made} was deleted in Key Protect.*ibmcloud kp key restore ${made} --instance-id ${fake.about.instance} \\(role Manager\\)`,
  )
  await assert.rejects(standardKeys.read(made), reaches('wrapped-form', says))
  assert.deepEqual(Buffer.from(await standardKeys.read(untouched)), other.payload)
  await advance(31)
  await fake.admin('POST', `/keys/${made}/restore`)
  assert.deepEqual(Buffer.from(await standardKeys.read(made)), key.payload)
  await fake.admin('DELETE', `/keys/${made}`)
  await advance(4 * 3600 + 1)
  await fake.admin('DELETE', `/keys/${made}/purge`)
  await assert.rejects(standardKeys.read(made), reaches('wrapped-form', /no standard key .*purged/))
  assert.deepEqual(await standardKeys.find(key.name), [])
})

test('410 for a deleted key, as other calls answer it, is the same no', async () => {
  const { standardKeys } = await opened()
  const made = await standardKeys.create(wanted(uniqueName()))
  await fake.fault({ on: 'get', kind: 'status', status: 410 })
  await assert.rejects(standardKeys.read(made), reaches('wrapped-form', /was deleted.*key restore/))
})

test('a root key, and what is no id, is no standard key', async () => {
  const { standardKeys } = await opened()
  await assert.rejects(standardKeys.read(id), reaches('wrapped-form', /is no standard key/))
  const before = (await fake.calls()).length
  for (const wrong of ['', '..', `${id}/metadata`, 'an-alias', `${id}?force=true`]) {
    await assert.rejects(standardKeys.read(wrong), reaches('wrapped-form'))
    await assert.rejects(standardKeys.remove(wrong), reaches('wrapped-form'))
  }
  assert.equal((await fake.calls()).length, before, 'nothing was sent')
})

test('key rings: made in that of the URI, found and read there, deleted wherever it is', async () => {
  await fake.admin('POST', '/key_rings/ours')
  const root = await fake.rootKey({}, { 'X-Kms-Key-Ring': 'ours' })
  const { standardKeys } = await opened(fake.uri(root, { keyRing: 'ours' }))
  const { standardKeys: anywhere } = await opened()
  const name = uniqueName()
  const made = await standardKeys.create(wanted(name))
  const outside = await anywhere.create(wanted(name))
  const found = async () => (await standardKeys.find(name)).map((key) => key.id)
  assert.deepEqual(await found(), [made])
  assert.equal((await anywhere.find(name)).length, 2)
  await assert.rejects(standardKeys.read(outside), reaches('wrapped-form', /key ring ours/))
  await fake.admin('PATCH', `/keys/${made}`, { keyRingID: 'default' })
  await assert.rejects(standardKeys.read(made), reaches('wrapped-form', /moved to another key ring/))
  await standardKeys.remove(made)
  await assert.rejects(anywhere.read(made), reaches('wrapped-form', /was deleted/))
})

test('Manager on the key ring alone is enough for all of it', async () => {
  await fake.admin('POST', '/key_rings/only-here')
  const root = await fake.rootKey({}, { 'X-Kms-Key-Ring': 'only-here' })
  const serviceId = await fake.serviceId({ roles: ['Manager'], keyRing: 'only-here' })
  const own = sideOf(fake, serviceId.apiKey)
  const uri = fake.uri(root, { keyRing: 'only-here' })
  await checkRootKey(uri, { ...own.options, standardKeys: true })
  const { standardKeys } = await opened(uri, own.options)
  const name = uniqueName()
  const made = await standardKeys.create(wanted(name))
  assert.deepEqual(
    (await standardKeys.find(name)).map((key) => key.id),
    [made],
  )
  own.sessions.close()
})

test('a key ring that is not there: a no about the call, which names it', async () => {
  const { standardKeys } = await opened(fake.uri(id, { keyRing: 'nowhere' }))
  await assert.rejects(standardKeys.create(wanted(uniqueName())), reaches('call', /has no key ring nowhere/))
})

// ------------------------------------------------------------------ roles

const roles: readonly {
  readonly what: string
  readonly least: Role
  readonly others: readonly Role[]
  readonly reach: 'root-key' | 'call'
  readonly work: (
    rootKey: RootKey & { readonly standardKeys: StandardKeys },
    made: string,
  ) => Promise<unknown>
}[] = [
  {
    what: 'read standard keys',
    least: 'ReaderPlus',
    others: ['Reader'],
    reach: 'call',
    work: ({ standardKeys }, made) => standardKeys.read(made),
  },
  {
    what: 'make standard keys',
    least: 'Writer',
    others: ['Reader', 'ReaderPlus'],
    reach: 'call',
    work: ({ standardKeys }) => standardKeys.create(wanted(uniqueName())),
  },
  {
    what: 'delete standard keys',
    least: 'Manager',
    others: ['Reader', 'ReaderPlus', 'Writer'],
    reach: 'call',
    work: ({ standardKeys }, made) => standardKeys.remove(made),
  },
  {
    what: 'look for standard keys',
    least: 'Reader',
    others: [],
    reach: 'call',
    work: ({ standardKeys }) => standardKeys.find('mortise-x'),
  },
  {
    what: 'rewrap with the key',
    least: 'Reader',
    others: [],
    reach: 'root-key',
    work: async ({ versions }) => versions?.rewrap(await wrappedByManager(), place),
  },
]

async function wrappedByManager(): Promise<Uint8Array> {
  return (await opened()).rootKey.wrap(Buffer.from('x'), place)
}

for (const { what, least, others, reach, work } of roles)
  test(`least privilege: ${least} is enough to ${what}; with less the error names it`, async () => {
    const made = await (await opened()).standardKeys.create(wanted(uniqueName()))
    const serviceId = await fake.serviceId({ roles: [...others] })
    const own = sideOf(fake, serviceId.apiKey)
    const { rootKey, standardKeys } = await opened(fake.uri(id), own.options)
    const says = `\\(${serviceId.id}\\) may not ${what}.*service role ${least} there.*service-policy-create ${serviceId.id} --roles ${least} --service-name kms --service-instance ${fake.about.instance}`
    await assert.rejects(work({ ...named(rootKey), standardKeys }, made), reaches(reach, new RegExp(says)))
    await fake.control('PUT', `service-ids/${serviceId.id}/policies`, {
      policies: [{ instance: fake.about.instance, roles: [least] }],
    })
    await work({ ...named(rootKey), standardKeys }, made)
    own.sessions.close()
  })

/** Its methods are not its own properties. */
function named(rootKey: RootKey) {
  const { uri, versions } = rootKey
  return {
    uri,
    id: rootKey.id,
    ...(versions && { versions }),
    wrap: (...given: Parameters<RootKey['wrap']>) => rootKey.wrap(...given),
    unwrap: (...given: Parameters<RootKey['unwrap']>) => rootKey.unwrap(...given),
  }
}

test('a service ID that is nobody any more, or a missing role: only an unwrap can tell which', async () => {
  const { standardKeys } = await opened()
  const made = await standardKeys.create(wanted(uniqueName()))
  await fake.fault({ on: '*', kind: 'status', status: 401, times: null })
  for (const call of [
    () => standardKeys.create(wanted(uniqueName())),
    () => standardKeys.read(made),
    () => standardKeys.remove(made),
    () => standardKeys.find('mortise-x'),
  ])
    await assert.rejects(call(), reaches('call', /HTTP 401/))
})

// ------------------------------------------------------------------ many

test('a search that is too broad: all are looked through instead', async () => {
  const { standardKeys } = await opened()
  const name = uniqueName()
  const made = await standardKeys.create(wanted(name))
  await fake.control('POST', 'search', { keysMax: 1 })
  await fake.forgetCalls()
  assert.deepEqual(
    (await standardKeys.find(name)).map((key) => key.id),
    [made],
  )
  const [first] = await fake.calls('list')
  assert.equal(first?.code, 'KEY_SEARCH_TOO_BROAD')
})

test('a deletion that takes two persons: the refusal says who must do what first, and that no role helps', async () => {
  const { standardKeys } = await opened()
  const made = await standardKeys.create(wanted(uniqueName()))
  await fake.fault({ on: 'delete', kind: 'status', code: 'AUTHORIZATIONS_NOT_MET' })
  await assert.rejects(standardKeys.remove(made), (error) => {
    assert.ok(error instanceof RootKeyError)
    const says = `ibmcloud kp key schedule-delete ${made} --instance-id ${fake.about.instance} \\(role Writer or Manager\\)`
    assert.match(error.message, new RegExp(`two persons .*${says} \\(HTTP 409, AUTHORIZATIONS_NOT_MET`))
    assert.match(error.remedy ?? '', /^Another role .* Within 7 days .* dual-auth-delete --disable/)
    return true
  })
  await standardKeys.remove(made)
})

test('many keys at once: never more than sixteen calls, and what was begun is ended first', async () => {
  const { rootKey, standardKeys } = await opened()
  const wrapped = await rootKey.wrap(Buffer.from('secret'), place)
  const ids = await fake.manyKeys(200, uniqueName(), {
    extractable: true,
    payload: Buffer.from(wrapped).toString('base64'),
  })
  await fake.control('POST', 'traffic', { latencyMs: 10 })
  await fake.forgetCalls()
  await Promise.all(ids.map(async (key) => rootKey.unwrap(await standardKeys.read(key), place)))
  const calls = (await fake.calls()).map(({ call }) => call)
  assert.equal(calls.filter((call) => call === 'get').length, 200)
  assert.equal(calls.filter((call) => call === 'unwrap').length, 200)
  const most = await fake.inFlightMax()
  assert.ok(most <= rootKeyCallsMax, `${most}`)
  // At half time about half of the keys are open; first come first served, none would be.
  const early = calls.slice(0, 200).filter((call) => call === 'unwrap').length
  assert.ok(early > 70, `${early}`)
})

// ------------------------------------------------------------------ the check

test('custody keyprotect is not for root keys in files', async () => {
  await assert.rejects(
    checkRootKey('file:root.key', { dataFolder: '/nowhere', create: false, standardKeys: true }),
    reaches('root-key', /nothing to keep keys in/),
  )
})

test('a check with an API key that is not kept uses it, and it alone', async () => {
  const serviceId = await fake.serviceId({ roles: ['Manager'] })
  const wrong = sideOf(fake, 'no-such-key')
  const options = { ...wrong.options, standardKeys: true } as const
  await checkRootKey(fake.uri(id), { ...options, apiKey: serviceId.apiKey })
  await assert.rejects(checkRootKey(fake.uri(id), options), (error: unknown) => {
    assert.ok(error instanceof RootKeyError && !error.message.includes(serviceId.apiKey))
    return reaches('root-key', /refuses the API key/)(error)
  })
  wrong.sessions.close()
})
