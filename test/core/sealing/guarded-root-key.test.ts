// Each call of an instance's root key passes through its status: it is made while the root key answers, and refused without
// being made once the root key is withdrawn. A refused read of a standard key is a trouble of its own.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RootKeyError, type RootKey } from '../../../src/core/ports/root-key.ts'
import { rootKeyAskAgainMs } from '../../../src/core/sealing/bounds.ts'
import { standardKeyUnreadAfterMs } from '../../../src/core/sealing/standard-key-troubles.ts'
import { guarded } from '../../../src/core/sealing/guarded-root-key.ts'
import { RootKeyStatus } from '../../../src/core/sealing/root-key-status.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { reaches } from '../../support/root-keys/rootkey-contract.ts'

const none = () => undefined
const bytes = (text: string) => Buffer.from(text)
const place = bytes('a place')

async function begin() {
  const faulty = new FaultyRootKey()
  const clock = new MovableClock()
  const status: RootKeyStatus = new RootKeyStatus({
    clock,
    events: { unreachable: none, withdrawn: none, answers: none },
    findUnwrap: () => Promise.resolve(() => faulty.unwrap(wrapped, place)),
  })
  const wrapped = await faulty.wrap(bytes('a secret'), place)
  const standardKey = { name: 'a-name', description: 'a description', payload: bytes('a payload') }
  const standardId = await faulty.standardKeys.create(standardKey)
  const rootKey = await guarded(() => Promise.resolve(faulty), status)(faulty.uri, 'red')
  return { faulty, status, clock, wrapped, standardKey, standardId, rootKey }
}

type Begun = Awaited<ReturnType<typeof begin>>

const versions = ({ versions: of }: RootKey) => of ?? assert.fail()
const standard = ({ standardKeys: keys }: RootKey) => keys ?? assert.fail()

async function firstPage(pages: AsyncIterable<readonly unknown[]>): Promise<readonly unknown[]> {
  for await (const page of pages) return page
  return []
}

/** Each call, and what it gives while the root key answers. */
const calls: Record<string, readonly [(begun: Begun) => Promise<unknown>, (given: unknown) => unknown]> = {
  wrap: [({ rootKey }) => rootKey.wrap(bytes('another'), place), (given) => (given as Uint8Array).length > 0],
  unwrap: [
    ({ rootKey, wrapped }) => rootKey.unwrap(wrapped, place),
    (given) => bytes('a secret').equals(given as Uint8Array),
  ],
  'versions.newest': [
    ({ rootKey }) => versions(rootKey).newest(),
    (given) => typeof given === 'string' && given !== '',
  ],
  'versions.rewrap': [
    ({ rootKey, wrapped }) => versions(rootKey).rewrap(wrapped, place),
    (given) => (given as Uint8Array).length > 0,
  ],
  'standardKeys.create': [
    ({ rootKey, standardKey }) => standard(rootKey).create(standardKey),
    (given) => typeof given === 'string' && given !== '',
  ],
  'standardKeys.read': [
    ({ rootKey, standardId }) => standard(rootKey).read(standardId),
    (given) => bytes('a payload').equals(given as Uint8Array),
  ],
  'standardKeys.find': [
    ({ rootKey }) => standard(rootKey).find('a-name'),
    (given) => (given as unknown[]).length === 1,
  ],
  'standardKeys.list': [
    ({ rootKey }) => firstPage(standard(rootKey).list('a-', { deleted: false })),
    (given) => (given as unknown[]).length === 1,
  ],
  'standardKeys.remove': [
    ({ rootKey, standardId }) => standard(rootKey).remove(standardId),
    (given) => given === undefined,
  ],
}

for (const [name, [call, isRight]] of Object.entries(calls))
  test(`${name} is passed on while the root key answers, and refused without a call once it is withdrawn`, async () => {
    const begun = await begin()
    const { faulty, rootKey, wrapped } = begun
    assert.ok(isRight(await call(begun)))
    faulty.fault = 'root-key'
    await assert.rejects(rootKey.unwrap(wrapped, place), reaches('root-key'))
    const made = faulty.calls
    await assert.rejects(call(begun), reaches('root-key'))
    assert.equal(faulty.calls, made)
  })

test('the guarded root key says the same of itself as the one behind it', async () => {
  const { faulty, rootKey, wrapped } = await begin()
  assert.deepEqual([rootKey.uri, rootKey.id], [faulty.uri, faulty.id])
  assert.equal(versions(rootKey).of(wrapped), faulty.versions.of(wrapped))
  assert.equal(standard(rootKey).payloadBytesMax, faulty.standardKeys.payloadBytesMax)
})

const refused: RootKey['unwrap'] = () => Promise.reject(new RootKeyError('root-key', 'another API key'))

test('a root key that was withdrawn is asked again with the access that its instance has by then', async () => {
  const { faulty, wrapped } = await begin()
  const clock = new MovableClock()
  const status = new RootKeyStatus({
    clock,
    events: { unreachable: none, withdrawn: none, answers: none },
    findUnwrap: () => Promise.resolve(undefined),
  })
  let access: RootKey = { uri: faulty.uri, id: faulty.id, wrap: refused, unwrap: refused }
  const rootKey = await guarded(async () => access, status)(faulty.uri, 'red')
  await assert.rejects(rootKey.unwrap(wrapped, place), reaches('root-key'))
  access = faulty
  const use = { instanceId: 'red', rootKeyUri: faulty.uri }
  const call = () => status.call(use, async () => 'done')
  clock.pass(rootKeyAskAgainMs - 1)
  await assert.rejects(call(), reaches('root-key'))
  clock.pass(1)
  assert.deepEqual([await call(), faulty.unwraps], ['done', 1])
})

test('only a refused kind of call is a trouble with reading, until a read succeeds', async () => {
  for (const [reach, isTrouble] of [
    ['call', true],
    ['wrapped-form', false],
    ['unreachable', false],
  ] as const) {
    const { faulty, status, rootKey, standardId } = await begin()
    const reading = () => standard(rootKey).read(standardId)
    faulty.standardKeys.faults.set(standardId, reach)
    await assert.rejects(reading(), reaches(reach))
    const troubles = () => status.standardKeys.now.map(({ what, instanceId }) => `${what} ${instanceId}`)
    assert.deepEqual(troubles(), isTrouble ? ['read red'] : [], reach)
    faulty.standardKeys.faults.clear()
    await reading()
    assert.deepEqual(troubles(), [])
  }
})

test('reads that are not answered for a while, though the root key answers, are a trouble until one is', async () => {
  const { faulty, status, clock, rootKey, standardId } = await begin()
  const troubles = () => status.standardKeys.now.map(({ what, cause }) => [what, cause])
  const fail = async () => {
    await assert.rejects(standard(rootKey).read(standardId), reaches('unreachable'))
    // The question whether the root key answers.
    await new Promise(setImmediate)
  }
  faulty.standardKeys.faults.set(standardId, 'unreachable')
  await fail()
  clock.pass(standardKeyUnreadAfterMs - 1)
  await fail()
  assert.deepEqual(troubles(), [])
  clock.pass(1)
  await fail()
  assert.equal(troubles()[0]?.[0], 'read')
  faulty.standardKeys.faults.clear()
  await standard(rootKey).read(standardId)
  assert.deepEqual(troubles(), [])
})

test('a read that was not answered is no trouble once another one is, though whether the root key answers was not known yet', async () => {
  const { faulty, status, clock, rootKey, standardId } = await begin()
  const read = () => standard(rootKey).read(standardId)
  const unanswered = async () => {
    faulty.standardKeys.faults.set(standardId, 'unreachable')
    await assert.rejects(read(), reaches('unreachable'))
    faulty.standardKeys.faults.clear()
  }
  await unanswered()
  await new Promise(setImmediate)
  clock.pass(standardKeyUnreadAfterMs)
  const unwrap = faulty.unwrap.bind(faulty)
  const held = Promise.withResolvers<undefined>()
  faulty.unwrap = async (...asked) => held.promise.then(() => unwrap(...asked))
  await unanswered()
  await read()
  held.resolve(undefined)
  await new Promise(setImmediate)
  clock.pass(standardKeyUnreadAfterMs)
  await unanswered()
  await new Promise(setImmediate)
  assert.deepEqual(status.standardKeys.now, [])
})

test('reads that are not answered while the root key does not answer either are no trouble of their own', async () => {
  const { faulty, status, clock, rootKey, standardId } = await begin()
  faulty.fault = 'unreachable'
  for (let again = 0; again < 3; again++) {
    await assert.rejects(standard(rootKey).read(standardId), reaches('unreachable'))
    await new Promise(setImmediate)
    clock.pass(standardKeyUnreadAfterMs)
  }
  assert.deepEqual(status.standardKeys.now, [])
})
