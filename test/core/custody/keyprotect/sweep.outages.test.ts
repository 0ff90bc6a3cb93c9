// What a sweep does while a service refuses, does not answer or is slow: it asks once, goes on elsewhere, comes again, and a stop
// waits for it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sweep } from '../../../../src/core/custody/keyprotect/sweep.ts'
import {
  standardKeySweepAfterMs,
  standardKeySweepEveryMs,
} from '../../../../src/core/custody/keyprotect/bounds.ts'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import { FaultyRootKey } from '../../../support/root-keys/faulty-root-key.ts'
import { activeKey, openKeyProtectSite, revoke } from '../../../support/root-keys/keyprotect-site.ts'
import { createKey, makeInstance, manager, trustClient, type TestCore } from '../../../support/server/core.ts'
import { until } from '../../../support/time/until.ts'

const told = ({ keyring }: TestCore) => keyring.status.standardKeys.now.map(({ what }) => what)

/** Destroys keys while their service does not answer, so that their standard keys stay to be deleted. */
async function unheard(
  standardKeys: FaultyRootKey['standardKeys'],
  ...destroys: readonly (() => Promise<unknown>)[]
): Promise<void> {
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new RootKeyError('unreachable', 'cut off'))
  for (const destroy of destroys) await assert.rejects(destroy())
  standardKeys.remove = remove
}

test('a service that does not answer is asked once in a pass, and not again for each key that waits there', async (t) => {
  const { core, perform, standardKeys } = await openKeyProtectSite(t)
  const ids: string[] = []
  for (let count = 0; count < 20; count++) ids.push(await perform(createKey()))
  let asked = 0
  standardKeys.remove = () => {
    asked++
    return Promise.reject(new RootKeyError('unreachable', 'cut off'))
  }
  for (const id of ids) await assert.rejects(perform((work) => work.destroy(id)))
  asked = 0
  await core.sweep()
  assert.ok(asked >= 1 && asked <= 8, `${asked} calls: those that began together`)
})

test('a deletion that fails while a pass runs is still told of after the pass', async (t) => {
  const { core, perform, standardKeys } = await openKeyProtectSite(t)
  await perform(createKey())
  const list = standardKeys.list.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new RootKeyError('call', 'refused'))
  standardKeys.list = async function* (...asked) {
    const made = await perform(createKey())
    await assert.rejects(perform((work) => work.destroy(made)))
    yield* list(...asked)
  }
  await core.sweep()
  assert.deepEqual(told(core), ['delete'])
})

test('a key with leftovers at two services: one that does not answer keeps nothing from being deleted at the other', async (t) => {
  const gone = new FaultyRootKey('test:gone')
  const { core, instance, perform, standardKeys } = await openKeyProtectSite(t, { rootKeys: [gone] })
  const place = { instanceId: instance.id, kind: 'object', rootKeyUri: gone.uri, createdMs: 0 } as const
  for (let key = 0; key < 3; key++) {
    const identifier = await perform(createKey())
    if (key === 1) continue
    const left = { ...place, id: `left ${key}`, identifier, generation: key * 2, keyVersion: '' }
    const write = { type: 'standard-key', record: { ...left, state: 'unwanted' } } as const
    await core.store.commit({ writes: [write], entries: [], durability: 'disk' })
  }
  gone.fault = 'unreachable'
  await core.trust.instances.shred(manager, instance.id)
  await core.sweep()
  const live = standardKeys.live().filter(({ description }) => description.includes(' key, '))
  assert.deepEqual(live, [])
  const [trouble] = core.keyring.status.standardKeys.now
  assert.deepEqual([trouble?.left, trouble?.rootKeyUris], [2, [gone.uri]])
})

test('a marker that its service refuses keeps nothing from being deleted beside another root key, and is stored later', async (t) => {
  const there = new FaultyRootKey('test:there')
  const { core, instance, perform, rows, standardKeys } = await openKeyProtectSite(t, { rootKeys: [there] })
  const { markers } = core.custodies.keyprotect
  const id = await perform(createKey())
  await unheard(standardKeys, () => perform((work) => work.destroy(id)))
  const says = { way: 'to', custody: 'keyprotect', rootKeyUri: core.rootKey.uri } as const
  const write = await markers.due({ instanceId: instance.id, rootKeyUri: there.uri, epoch: 0, says })
  await core.store.commit({ writes: [write], entries: [], durability: 'disk' })
  there.standardKeys.createFaults = ['call', 'call']
  await core.custodies.clear(instance.id)
  assert.deepEqual(standardKeys.live(), [])
  assert.deepEqual(
    (await rows()).map(({ state }) => state),
    ['due'],
  )
  assert.deepEqual(told(core), [], 'new keys are not stored there')
  there.standardKeys.createFaults = []
  await core.custodies.clear(instance.id)
  assert.deepEqual([told(core), (await rows()).map(({ state }) => state)], [[], ['current']])
})

test('a root key out of reach keeps no marker from being stored beside another, and nothing from being deleted there', async (t) => {
  const gone = new FaultyRootKey('test:gone')
  const { core, instance, perform, rows, standardKeys } = await openKeyProtectSite(t, { rootKeys: [gone] })
  const { markers } = core.custodies.keyprotect
  await perform(createKey())
  const left = { ...unwantedRow(core, instance.id, 'left'), rootKeyUri: gone.uri, identifier: 'left' }
  const says = { way: 'to', custody: 'keyprotect', rootKeyUri: core.rootKey.uri } as const
  const due = await markers.due({ instanceId: instance.id, rootKeyUri: gone.uri, epoch: 0, says })
  const writes = [{ type: 'standard-key', record: left } as const, due]
  await core.store.commit({ writes, entries: [], durability: 'disk' })
  gone.fault = 'unreachable'
  await core.trust.instances.shred(manager, instance.id)
  assert.deepEqual(
    standardKeys.live().map(({ name }) => name),
    [`mortise-marker-${instance.id}`],
  )
  assert.deepEqual(told(core), ['delete'])
  gone.fault = null
  await core.sweep()
  assert.deepEqual(
    (await rows()).filter(({ kind }) => kind === 'object'),
    [],
  )
})

test('a marker that a fenced server may not store is no refusal of new keys', async (t) => {
  const { core, instance } = await openKeyProtectSite(t)
  const { markers } = core.custodies.keyprotect
  const says = { way: 'stays' } as const
  const due = { instanceId: instance.id, rootKeyUri: core.rootKey.uri, epoch: 0, says }
  await core.store.commit({ writes: [await markers.due(due)], entries: [], durability: 'disk' })
  const marker = {
    id: 'm',
    number: 1,
    rootKeyId: 'r',
    says: { way: 'stays', place: '' },
    isLive: true,
  } as const
  await markers.updateFence(instance.id, [{ ...marker, epoch: 1 }])
  await core.custodies.clear(instance.id)
  assert.deepEqual(told(core), ['another'])
})

test('a list whose keys could not be read is repeated with the next sweep', async (t) => {
  const { core, perform, standardKeys } = await openKeyProtectSite(t)
  const before = await core.copy()
  await perform(createKey())
  const [kept] = standardKeys.live()
  assert.ok(kept)
  standardKeys.aheadMs += standardKeySweepAfterMs
  standardKeys.faults.set(kept.id, 'unreachable')
  const { sweep } = before.custodies.keyprotect
  await sweep.run()
  standardKeys.faults.clear()
  before.clock.pass(standardKeySweepEveryMs)
  await sweep.run()
  const rows = await before.store.standardKeys({ kind: 'object', limit: 9 })
  assert.deepEqual(
    rows.map(({ id }) => id),
    [kept.id],
  )
})

test('once the last standard key of an instance is deleted that is reported, and not before', async (t) => {
  const { core, instance, perform, standardKeys } = await openKeyProtectSite(t)
  const { copies, generations, markers } = core.custodies.keyprotect
  const { store, clock, keyring } = core
  const emptied: string[] = []
  const sweep = new Sweep({
    store,
    clock,
    copies,
    generations,
    markers,
    openRootKey: keyring.openRootKey,
    instances: async () => [instance],
    troubles: keyring.status.standardKeys,
    onEmpty: async (instanceId) => void emptied.push(instanceId),
    moveToItsPlace: () => assert.fail('nothing is away'),
  })
  const ids = [await perform(createKey()), await perform(createKey())]
  const [one, two] = standardKeys.live()
  assert.ok(one && two)
  for (const { id } of [one, two]) standardKeys.faults.set(id, 'wrapped-form')
  for (const id of ids) await assert.rejects(perform((work) => work.destroy(id)))
  for (const [deleted, expected] of [
    [one.id, []],
    [two.id, [instance.id]],
    [two.id, [instance.id]],
  ] as const) {
    standardKeys.faults.delete(deleted)
    await sweep.clear(instance.id)
    assert.deepEqual(emptied, expected)
  }
})

test('a stop waits for the pass and the deletions that are under way', async (t) => {
  const { core, instance, perform, standardKeys } = await openKeyProtectSite(t)
  const { sweep } = core.custodies.keyprotect
  const id = await perform(createKey())
  await unheard(standardKeys, () => perform((work) => work.destroy(id)))
  for (const begin of [() => sweep.run({ everything: true }), () => sweep.clear(instance.id)]) {
    const { calls } = core.rootKey
    const release = core.rootKey.hold()
    const [kept] = standardKeys.kept.values()
    assert.ok(kept)
    kept.deleted = false
    await core.store.commit({
      writes: [
        { type: 'standard-key', record: { ...unwantedRow(core, instance.id, kept.id), identifier: id } },
      ],
      entries: [],
      durability: 'disk',
    })
    const done = begin()
    await until(() => core.rootKey.calls > calls, 'the service is asked')
    let isStopped = false
    const stopped = sweep.stop().then(() => (isStopped = true))
    await new Promise(setImmediate)
    assert.equal(isStopped, false)
    release()
    await Promise.all([done, stopped])
    assert.deepEqual(standardKeys.live(), [])
  }
})

function unwantedRow({ rootKey }: TestCore, instanceId: string, id: string) {
  const place = { id, instanceId, kind: 'object', generation: 1, rootKeyUri: rootKey.uri } as const
  return { ...place, state: 'unwanted', keyVersion: '', createdMs: 0 } as const
}

test('a marker beside a service that could not be listed stays: keys of which it speaks may be there', async (t) => {
  const there = new FaultyRootKey('test:there')
  const { core, instance } = await openKeyProtectSite(t, { rootKeys: [there] })
  const { markers } = core.custodies.keyprotect
  const says = { way: 'to', custody: 'keyprotect', rootKeyUri: core.rootKey.uri } as const
  const write = await markers.due({ instanceId: instance.id, rootKeyUri: there.uri, epoch: 0, says })
  await core.store.commit({ writes: [write], entries: [], durability: 'disk' })
  await markers.settle(instance.id)
  const list = there.standardKeys.list.bind(there.standardKeys)
  there.standardKeys.list = async function* (...asked) {
    yield* list(...asked)
    throw new RootKeyError('unreachable', 'cut off')
  }
  await core.sweep()
  assert.equal(there.standardKeys.live().length, 1)
  there.standardKeys.list = list
  await core.sweep()
  assert.deepEqual(there.standardKeys.live(), [])
})

test('what waits to be deleted for one instance is not touched for another', async (t) => {
  const { core, instance, perform, standardKeys } = await openKeyProtectSite(t)
  const other = await makeInstance(core, 'other', { custody: 'keyprotect' })
  const { identify } = await trustClient(core, other, 'stranger')
  const [own, theirs] = [await perform(createKey()), await core.keys.perform(identify, createKey())]
  await unheard(
    standardKeys,
    () => perform((work) => work.destroy(own)),
    () => core.keys.perform(identify, (work) => work.destroy(theirs)),
  )
  await core.custodies.clear(instance.id)
  assert.deepEqual(
    standardKeys.live().map(({ name }) => name),
    [`mortise-${theirs}`],
  )
})

test('a list is repeated with the next sweep if a service did not answer, not if one standard key was refused', async (t) => {
  for (const [reach, expected] of [
    ['unreachable', 1],
    ['wrapped-form', 0],
  ] as const) {
    const { core, perform, standardKeys } = await openKeyProtectSite(t)
    const before = await core.copy()
    await perform(createKey())
    const [kept] = standardKeys.live()
    assert.ok(kept)
    standardKeys.aheadMs += standardKeySweepAfterMs
    standardKeys.faults.set(kept.id, reach)
    const { sweep } = before.custodies.keyprotect
    await sweep.run()
    before.clock.pass(standardKeySweepEveryMs)
    const { list } = standardKeys.calls
    await sweep.run()
    assert.equal(standardKeys.calls.list - list, expected, reach)
  }
})

test('a stop waits for the last of several passes', async (t) => {
  const { core, standardKeys } = await openKeyProtectSite(t)
  const { sweep } = core.custodies.keyprotect
  const list = standardKeys.list.bind(standardKeys)
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  let lists = 0
  standardKeys.list = async function* (...asked) {
    if (++lists === 2) await held
    yield* list(...asked)
  }
  const [first, second] = [sweep.run({ everything: true }), sweep.run({ everything: true })]
  await first
  await until(() => lists === 2, 'the second pass lists')
  let isStopped = false
  const stopped = sweep.stop().then(() => (isStopped = true))
  await new Promise(setImmediate)
  assert.equal(isStopped, false)
  release()
  await Promise.all([second, stopped])
})

test('a bug while a closing is recorded ends the pass', async (t) => {
  const { core, perform, rows, standardKeys } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  standardKeys.createFaults = Array.from({ length: 9 }, () => 'call' as const)
  await assert.rejects(perform(revoke(id)))
  standardKeys.createFaults = []
  const { copies } = core.custodies.keyprotect
  const create = copies.create.bind(copies)
  copies.create = () => Promise.reject(new TypeError('a bug'))
  await assert.rejects(core.sweep(), TypeError)
  copies.create = create
  await core.sweep()
  assert.deepEqual(await rows('due'), [])
})
