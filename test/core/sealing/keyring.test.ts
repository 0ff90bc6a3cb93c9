// The cache rule and the outage mode of design section 5, with a root key that fails on command and a clock that
// stands still until it is moved.

import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { KeysUnavailable } from '../../../src/core/sealing/unwrap-cache.ts'
import type { RootKey, RootKeyReach } from '../../../src/core/ports/root-key.ts'
import type { Instance } from '../../../src/core/trust/rows.ts'
import { rootKeyWaitMs } from '../../../src/base/bounds.ts'
import { rootKeyAskAgainMs } from '../../../src/core/sealing/bounds.ts'
import { rootKeySilenceMs } from '../../../src/core/sealing/unwrap-cache.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { reaches, rootKeyContract } from '../../support/root-keys/rootkey-contract.ts'
import { dayMs, edit, makeInstance, openCore } from '../../support/server/core.ts'

// What the tests below stand on keeps the contract itself.
const faulty = new FaultyRootKey()
rootKeyContract('a root key that fails on command', {
  open: () => Promise.resolve(faulty),
  openOther: () => Promise.resolve(new FaultyRootKey()),
  takeAway: () => answering('unreachable'),
  swap: () => answering('root-key'),
  runs: 100,
})

function answering(fault: RootKeyReach): Promise<() => Promise<void>> {
  faulty.fault = fault
  return Promise.resolve(() => {
    faulty.fault = null
    return Promise.resolve()
  })
}

const reach = (expected: RootKeyReach) => (error: unknown) =>
  error instanceof KeysUnavailable && error.reach === expected

/** An instance whose data key was just opened, at second 0. */
async function opened(t: TestContext, settings: Partial<Instance> = {}) {
  const core = await openCore(t)
  const instance = await makeInstance(core, 'default', {
    cacheSeconds: 300,
    outageSeconds: 3600,
    ...settings,
  })
  const { clock, keyring, rootKey } = core
  const { id } = await keyring.current(instance)
  let seconds = 0
  const at = (second: number) => {
    clock.pass((second - seconds) * 1000)
    seconds = second
  }
  /** Uses the data key as a request does; gives how many calls that made, those in the background included. */
  const use = async () => {
    const before = rootKey.unwraps
    await keyring.byId(instance, id)
    await background()
    return rootKey.unwraps - before
  }
  return { ...core, instance, id, at, use }
}

/** Until what was begun in the background has read the store and been answered. */
async function background(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await nextTurn()
}

test('within four fifths of the time nothing is asked; from then on once, in the background', async (t) => {
  const { at, use } = await opened(t)
  for (const second of [0, 1, 100, 239.999]) {
    at(second)
    assert.equal(await use(), 0, `second ${second}`)
  }
  at(240)
  assert.equal(await use(), 1)
  assert.equal(await use(), 0, 'it was answered')
  at(240 + 239.999)
  assert.equal(await use(), 0, 'the time counts from the new answer')
  at(240 + 240)
  assert.equal(await use(), 1)
})

test('while it is asked for in the background nobody waits, and one call is in flight', async (t) => {
  const { at, keyring, instance, id, rootKey } = await opened(t)
  at(250)
  const release = rootKey.hold()
  const asked = rootKey.unwraps
  const keys = await Promise.all(Array.from({ length: 20 }, async () => keyring.byId(instance, id)))
  await background()
  assert.equal(rootKey.unwraps - asked, 1)
  assert.equal(new Set(keys).size, 1)
  release()
  await background()
  assert.equal(rootKey.inFlightMax, 1)
})

test('after the time many requests wait for one call', async (t) => {
  const { at, keyring, instance, id, rootKey } = await opened(t)
  at(300)
  const release = rootKey.hold()
  const asked = rootKey.unwraps
  const waiting = Promise.all(Array.from({ length: 20 }, async () => keyring.byId(instance, id)))
  await background()
  assert.equal(rootKey.unwraps - asked, 1)
  release()
  await waiting
  assert.equal(rootKey.unwraps - asked, 1)
})

test('out of reach: served until cache and outage have passed since the last answer, and not after', async (t) => {
  const { at, use, rootKey, events, keyring, instance, id } = await opened(t)
  rootKey.fault = 'unreachable'
  for (const second of [299, 300, 301, 1000, 3899.999]) {
    at(second)
    await use()
  }
  assert.deepEqual(events, ['unreachable'], 'told once')
  at(3900)
  await assert.rejects(async () => keyring.byId(instance, id), reach('unreachable'))
  rootKey.fault = null
  await use()
  assert.deepEqual(events, ['unreachable', 'answers'])
  at(3900 + 239)
  assert.equal(await use(), 0)
})

test('out of reach it is asked again every five seconds at most, also before the time is over', async (t) => {
  const { at, use, rootKey } = await opened(t)
  rootKey.fault = 'unreachable'
  for (const start of [240, 300, 2000]) {
    at(start)
    assert.equal(await use(), 1, `at ${start}`)
    for (let i = 0; i < 5; i++) assert.equal(await use(), 0, `again at ${start}`)
    at(start + 4.9)
    assert.equal(await use(), 0)
    at(start + 5)
    assert.equal(await use(), 1)
  }
})

const silenceSeconds = rootKeySilenceMs / 1000

test('silent: a request for what is in memory waits a moment once, and then none does', async (t) => {
  const { at, keyring, instance, id, events, rootKey } = await opened(t)
  at(301)
  const release = rootKey.hold()
  const waiting = Promise.all(Array.from({ length: 20 }, async () => keyring.byId(instance, id)))
  await background()
  at(301 + silenceSeconds - 0.001)
  await background()
  assert.deepEqual(events, [])
  at(301 + silenceSeconds)
  await waiting
  assert.deepEqual(events, ['unreachable'])
  const asked = rootKey.unwraps
  for (const second of [306, 310, 320]) {
    at(second)
    await keyring.byId(instance, id)
  }
  assert.equal(rootKey.unwraps, asked, 'one call is in flight')
  release()
  await background()
  assert.deepEqual(events, ['unreachable', 'answers'])
})

test('slow, but it opens others: what is in memory is not used for that, as long as a client waits', async (t) => {
  const { at, keyring, instance, id, events, rootKey } = await opened(t)
  at(301)
  const release = rootKey.hold()
  let served = false
  const asked = (async () => {
    await keyring.byId(instance, id)
    served = true
  })()
  await background()
  const use = { instanceId: instance.id, rootKeyUri: rootKey.uri }
  const waitSeconds = rootKeyWaitMs / 1000
  for (const second of [3, 6, waitSeconds - 0.001]) {
    at(301 + second)
    await keyring.status.unwrap(use, () => Promise.resolve(Buffer.alloc(32)))
    await background()
    assert.equal(served, false)
  }
  at(301 + waitSeconds)
  await asked
  assert.deepEqual(events, [])
  release()
})

test('it answers other calls while unwraps hang: that is silence', async (t) => {
  const { at, keyring, instance, id, rootKey, events } = await opened(t, { outageSeconds: 0 })
  at(301)
  const release = rootKey.hold()
  const refused = assert.rejects(async () => keyring.byId(instance, id), reach('unreachable'))
  await background()
  const use = { instanceId: instance.id, rootKeyUri: rootKey.uri }
  at(301 + silenceSeconds - 0.001)
  await keyring.status.call(use, () => Promise.resolve())
  at(301 + silenceSeconds)
  await refused
  assert.deepEqual(events, ['unreachable'])
  release()
})

test('silent, and nothing in memory may be used: refused after a moment; the late answer is kept', async (t) => {
  const { at, keyring, instance, id, rootKey, events } = await opened(t, { outageSeconds: 0 })
  at(301)
  const release = rootKey.hold()
  const refused = assert.rejects(async () => keyring.byId(instance, id), reach('unreachable'))
  await background()
  at(301 + silenceSeconds)
  await refused
  assert.deepEqual(events, ['unreachable'])
  const asked = rootKey.unwraps
  release()
  await background()
  assert.deepEqual(events, ['unreachable', 'answers'])
  await keyring.byId(instance, id)
  assert.equal(rootKey.unwraps, asked)
})

test('the time counts from the question, so that a slow answer does not stretch it', async (t) => {
  const { at, use, keyring, instance, id, rootKey } = await opened(t)
  at(250)
  const release = rootKey.hold()
  await keyring.byId(instance, id)
  await background()
  at(299)
  release()
  await background()
  at(250 + 239)
  assert.equal(await use(), 0)
  at(250 + 240)
  assert.equal(await use(), 1)
})

test('no outage mode: out of reach is refused as soon as the time is over', async (t) => {
  const { at, use, rootKey, keyring, instance, id } = await opened(t, { outageSeconds: 0 })
  rootKey.fault = 'unreachable'
  at(299.999)
  await use()
  at(300)
  await assert.rejects(async () => keyring.byId(instance, id), reach('unreachable'))
  await assert.rejects(async () => keyring.byId(instance, id), reach('unreachable'))
  rootKey.fault = null
  await use()
})

test('one second of cache is one second', async (t) => {
  const { at, use, rootKey, keyring, instance, id } = await opened(t, { cacheSeconds: 1, outageSeconds: 0 })
  at(0.799)
  assert.equal(await use(), 0)
  at(0.8)
  assert.equal(await use(), 1)
  rootKey.fault = 'unreachable'
  at(1.799)
  await use()
  at(1.8)
  await assert.rejects(async () => keyring.byId(instance, id), reach('unreachable'))
})

test('a no about the root key empties the instance at once, its other keys too, and no other instance', async (t) => {
  const { at, use, rootKey, keyring, instance, id, events, store, ...rest } = await opened(t)
  const core = { ...rest, rootKey, keyring, instance, store, events }
  const otherKey = await keyring.make(instance)
  await store.commit({ writes: [otherKey], entries: [], durability: 'disk' })
  const second = otherKey.type === 'data-key' ? otherKey.record.id : ''
  await keyring.byId(instance, second)
  const neighbour = await makeInstance(core, 'neighbour')
  const { id: theirs } = await keyring.current(neighbour)
  at(250)
  rootKey.fault = 'root-key'
  await use()
  assert.deepEqual(events, ['withdrawn'])
  const before = rootKey.unwraps
  for (const one of [id, second])
    await assert.rejects(async () => keyring.byId(instance, one), reach('root-key'))
  await keyring.byId(neighbour, theirs)
  assert.equal(rootKey.unwraps, before, 'refused without asking, and the neighbour’s were not emptied')
  rootKey.fault = null
  at(255)
  await use()
  await keyring.byId(instance, second)
})

test('after a no there is no outage mode: what was emptied is not served out of reach either', async (t) => {
  const { at, use, rootKey, keyring, instance, id } = await opened(t)
  at(250)
  rootKey.fault = 'root-key'
  await use()
  rootKey.fault = 'unreachable'
  await assert.rejects(async () => keyring.byId(instance, id), reach('root-key'))
  at(255)
  await assert.rejects(async () => keyring.byId(instance, id), reach('unreachable'))
})

test('a no about one wrapped form concerns that one only', async (t) => {
  const { at, use, rootKey, keyring, instance, id, store } = await opened(t)
  const otherKey = await keyring.make(instance)
  await store.commit({ writes: [otherKey], entries: [], durability: 'disk' })
  const second = otherKey.type === 'data-key' ? otherKey.record.id : ''
  await keyring.byId(instance, second)
  const [wrapped] = (await store.dataKeys(instance.id)).filter((record) => record.id === id)
  rootKey.refused.add(Buffer.from(wrapped?.wrapped ?? []).toString('hex'))
  at(250)
  await use()
  await assert.rejects(async () => keyring.byId(instance, id), reach('wrapped-form'))
  rootKey.fault = 'unreachable'
  await keyring.byId(instance, second)
  rootKey.fault = null
  rootKey.refused.clear()
  at(300)
  await use()
})

test('a key that stands where the root key was is a no about the root key', async (t) => {
  // As when each call opens the file again: another key answers under the same URI.
  const keys: [FaultyRootKey, FaultyRootKey] = [
    new FaultyRootKey('test:file'),
    new FaultyRootKey('test:file'),
  ]
  let standing: FaultyRootKey = keys[0]
  const place: RootKey = {
    uri: 'test:file',
    get id() {
      return standing.id
    },
    wrap: (plaintext, associatedData) => standing.wrap(plaintext, associatedData),
    unwrap: (wrapped, associatedData) => standing.unwrap(wrapped, associatedData),
  }
  const core = await openCore(t, { rootKeys: [place] })
  const settings = { name: 'filed', custody: 'database', rootKeyUri: 'test:file' } as const
  const instance = await core.trust.instances.create(serverActor, settings)
  const { id } = await core.keyring.current(instance)
  standing = keys[1]
  core.clock.pass(300_000)
  await assert.rejects(async () => core.keyring.byId(instance, id), reach('root-key'))
  assert.deepEqual(core.events, ['withdrawn'])
  standing = keys[0]
  core.clock.pass(rootKeyAskAgainMs)
  await core.keyring.byId(instance, id)
  assert.deepEqual(core.events, ['withdrawn', 'answers'])
})

test('the wall clock plays no part', async (t) => {
  const { at, use, clock, rootKey, keyring, instance, id } = await opened(t, { outageSeconds: 0 })
  clock.jump(365 * dayMs)
  assert.equal(await use(), 0, 'forward')
  clock.jump(-2 * 365 * dayMs)
  rootKey.fault = 'unreachable'
  at(300)
  await assert.rejects(async () => keyring.byId(instance, id), reach('unreachable'), 'backward')
})

test('a new data key is newer than all others, also where the clock was set back', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  const [first] = await core.store.dataKeys(instance.id)
  assert.ok(first)
  edit(core.file, 'UPDATE data_keys SET created_ms = created_ms + 86400000')
  const write = await core.keyring.make(instance)
  assert.ok(write.type === 'data-key')
  assert.equal(write.record.createdMs, first.createdMs + dayMs + 1)
})

test('after a start nothing is cached', async (t) => {
  const core = await opened(t)
  const again = await core.reopen()
  core.rootKey.fault = 'unreachable'
  await assert.rejects(again.keyring.current(core.instance), reach('unreachable'))
})

test('the same key comes back, and a data key row of another instance or altered does not open', async (t) => {
  const { keyring, instance, id, store, file, ...rest } = await opened(t)
  const key = await keyring.byId(instance, id)
  keyring.forget(instance.id)
  assert.ok(key.key.equals((await keyring.byId(instance, id)).key))
  const neighbour = await makeInstance({ ...rest, keyring, store, file }, 'neighbour')
  const [theirs] = await store.dataKeys(neighbour.id)
  keyring.forget(instance.id)
  edit(file, 'UPDATE data_keys SET wrapped = ? WHERE id = ?', theirs?.wrapped ?? null, id)
  await assert.rejects(async () => keyring.byId(instance, id), reach('wrapped-form'))
  edit(file, 'UPDATE data_keys SET instance_id = ? WHERE id = ?', instance.id, theirs?.id ?? '')
  await assert.rejects(async () => keyring.byId(instance, theirs?.id ?? ''), reach('wrapped-form'))
})

test('a probe asks at once, whatever is cached, and its answer counts for the cache', async (t) => {
  const { keyring, instance, rootKey, at, use } = await opened(t)
  at(200)
  const before = rootKey.unwraps
  await keyring.probe(instance)
  assert.equal(rootKey.unwraps, before + 1)
  at(439)
  assert.equal(await use(), 0)
  rootKey.fault = 'root-key'
  await assert.rejects(keyring.probe(instance), reach('root-key'))
})

test('an instance whose root key cannot be used is not created', async (t) => {
  const core = await openCore(t)
  core.rootKey.fault = 'unreachable'
  await assert.rejects(makeInstance(core))
  assert.deepEqual(await core.access.instances(), [])
})

test('a root key that seals nothing new refuses a data key from another as a whole: that does not count as lost', async (t) => {
  const other = new FaultyRootKey()
  const core = await openCore(t, { rootKeys: [other] })
  const instance = await makeInstance(core, 'vmware')
  const [record] = await core.store.dataKeys(instance.id)
  assert.ok(record)
  other.wrapFault = 'wrapped-form'
  await assert.rejects(core.keyring.reseal(record, other), reaches('root-key', /told to answer wrap/))
  for (const fault of ['unreachable', 'call'] as const) {
    other.wrapFault = fault
    await assert.rejects(core.keyring.reseal(record, other), reaches(fault), 'anything else as it is')
  }
  other.wrapFault = null
  assert.equal((await core.keyring.reseal(record, other)).rootKeyUri, other.uri)
})
