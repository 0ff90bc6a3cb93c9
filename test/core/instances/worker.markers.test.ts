// What long work says beside root keys: while it is replaced, and while a service that it has nothing to do with is away.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { readDescription } from '../../../src/core/custody/keyprotect/description.ts'
import { standardKeyListEveryMs } from '../../../src/core/custody/keyprotect/bounds.ts'
import { RootKeyError } from '../../../src/core/ports/root-key.ts'
import { createKey, makeInstance, openCore, trustClient } from '../../support/server/core.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { assertInPlace, fetchBytes, instanceNow, move, workerOf } from '../../support/server/instance-work.ts'
import { until } from '../../support/time/until.ts'

const markersAt = ({ standardKeys }: FaultyRootKey) =>
  standardKeys.live().flatMap(({ description }) => {
    const said = readDescription(description)
    return said?.kind === 'marker' ? [`${said.says.way} ${said.says.place}`.trim()] : []
  })

for (const epoch of [0, 1])
  test(`turned back while it deletes what it left, an instance is said to be where it goes (epoch ${epoch})`, async (t) => {
    const there = new FaultyRootKey('test:there')
    const core = await openCore(t, { rootKeys: [there] })
    const { rootKey: first } = core
    const instance = await makeInstance(core, 'default', { custody: 'keyprotect', epoch })
    const { identify } = await trustClient(core, instance)
    const id = await core.keys.perform(identify, createKey())
    const text = await core.keys.perform(identify, fetchBytes(id))
    const to = ({ uri }: FaultyRootKey) =>
      core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: uri, custody: 'keyprotect' })
    const remove = first.standardKeys.remove.bind(first.standardKeys)
    first.standardKeys.remove = async (...asked) => {
      first.standardKeys.remove = remove
      await to(first)
      return remove(...asked)
    }
    await to(there)
    const { worker, failures } = workerOf(core)
    // It has come to the first root key again, but not left the other one yet.
    const back: (string | undefined)[] = []
    const create = first.standardKeys.create.bind(first.standardKeys)
    first.standardKeys.create = (...asked) => {
      if (asked[0].description.includes(' key, ')) back.push(markersAt(first).at(-1), markersAt(there).at(-1))
      return create(...asked)
    }
    worker.start()
    await until(async () => !(await instanceNow(core, instance)).work, 'it is back')
    await worker.stop()
    assert.deepEqual(failures, [])
    assert.deepEqual(back, [`from ${there.id}`, `to ${first.id}`])
    await assertInPlace(core, instance, first, [there])
    assert.deepEqual(markersAt(first), epoch > 0 ? ['stays'] : [])
    assert.equal(await core.keys.perform(identify, fetchBytes(id)), text)
  })

for (const [what, isDue] of [
  ['where only leftovers are', false],
  ['that keys still leave', true],
] as const)
  test(`a marker beside a root key out of reach, ${what}, ${isDue ? 'holds a move up' : 'holds no move up'}`, async (t) => {
    const [gone, there] = [new FaultyRootKey('test:gone'), new FaultyRootKey('test:there')]
    const core = await openCore(t, { rootKeys: [gone, there] })
    const { rootKey: first } = core
    const instance = await makeInstance(core, 'default', { custody: 'keyprotect' })
    const { markers } = core.custodies.keyprotect
    const says = { way: 'to', custody: 'keyprotect', rootKeyUri: first.uri } as const
    const writes = [
      await markers.due({ instanceId: instance.id, rootKeyUri: gone.uri, epoch: 1, says }),
      {
        type: 'standard-key',
        record: {
          id: 'left',
          instanceId: instance.id,
          kind: 'object',
          identifier: 'some key',
          generation: 1,
          rootKeyUri: gone.uri,
          state: isDue ? 'current' : 'unwanted',
          keyVersion: '',
          createdMs: 0,
        },
      },
    ] as const
    await core.store.commit({ writes, entries: [], durability: 'disk' })
    gone.fault = 'unreachable'
    const { identify } = await trustClient(core, instance)
    const id = await core.keys.perform(identify, createKey())
    const { worker, failures } = workerOf(core)
    await core.trust.work.setRootKey(serverActor, instance.id, {
      rootKeyUri: there.uri,
      custody: 'keyprotect',
    })
    worker.start()
    if (isDue) {
      await until(() => worker.progress(instance.id)?.trouble !== null, 'it says why it waits')
      assert.equal(there.standardKeys.live(`mortise-${id}`).length, 0)
      gone.fault = null
    }
    await until(async () => !(await instanceNow(core, instance)).work, 'all have moved')
    await worker.stop()
    assert.deepEqual(failures, [])
    assert.equal(there.standardKeys.live(`mortise-${id}`).length, 1)
  })

for (const custody of ['database', 'keyprotect'] as const)
  test(`sent on before all keys have left, by way of the custody ${custody}, an instance is said to come from there too`, async (t) => {
    const [middle, last] = [new FaultyRootKey('test:middle'), new FaultyRootKey('test:last')]
    const core = await openCore(t, { rootKeys: [middle, last] })
    const { rootKey: first } = core
    const instance = await makeInstance(core, 'default', { custody: 'keyprotect' })
    const { identify } = await trustClient(core, instance)
    const id = await core.keys.perform(identify, createKey())
    const text = await core.keys.perform(identify, fetchBytes(id))
    const by = custody === 'database' ? last : middle
    await core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: by.uri, custody })
    const target = { rootKeyUri: last.uri, custody: 'keyprotect' } as const
    await core.trust.work.setRootKey(serverActor, instance.id, target)
    const said: (readonly string[])[] = []
    const create = last.standardKeys.create.bind(last.standardKeys)
    last.standardKeys.create = (...asked) => {
      if (asked[0].description.includes(' key, ')) said.push(markersAt(last).toSorted())
      return create(...asked)
    }
    const { worker, failures } = workerOf(core)
    worker.start()
    await until(async () => !(await instanceNow(core, instance)).work, 'it has arrived')
    await worker.stop()
    assert.deepEqual(failures, [])
    const between = custody === 'database' ? 'database' : middle.id
    assert.deepEqual(said, [[`from ${first.id}`, `from ${between}`].toSorted()])
    await assertInPlace(core, instance, last, [first, middle])
    assert.deepEqual(markersAt(last), [])
    assert.equal(await core.keys.perform(identify, fetchBytes(id)), text)
  })

const refuse = () => Promise.reject(new RootKeyError('call', 'there is no such service any more'))

test('a root key that an instance left and that refuses the marker refuses no new keys of it', async (t) => {
  const [middle, last] = [new FaultyRootKey('test:middle'), new FaultyRootKey('test:last')]
  const core = await openCore(t, { rootKeys: [middle, last] })
  const { rootKey: first, keyring } = core
  const instance = await makeInstance(core, 'default', { custody: 'keyprotect' })
  const { identify } = await trustClient(core, instance)
  first.standardKeys.create = refuse
  for (const { uri } of [middle, last])
    await core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: uri, custody: 'keyprotect' })
  const { worker, failures } = workerOf(core)
  worker.start()
  await until(async () => !(await instanceNow(core, instance)).work, 'it has arrived')
  await worker.stop()
  assert.deepEqual(failures, [])
  await core.sweep()
  assert.deepEqual(keyring.status.standardKeys.now, [])
  last.standardKeys.create = refuse
  await assert.rejects(core.keys.perform(identify, createKey()))
  await core.sweep()
  const kinds = keyring.status.standardKeys.now.map(({ what }) => what)
  assert.deepEqual(kinds, ['make'], 'refused where they are stored')
})

test('a root key beside which a revoked key was left, and that takes no more markers, holds up no later move', async (t) => {
  const [second, third] = [new FaultyRootKey('test:second'), new FaultyRootKey('test:third')]
  const core = await openCore(t, { rootKeys: [second, third] })
  const { standardKeys } = core.rootKey
  const instance = await makeInstance(core, 'default', { custody: 'keyprotect' })
  const { identify } = await trustClient(core, instance)
  const revoked = await core.keys.perform(identify, createKey())
  const id = await core.keys.perform(identify, createKey())
  for (const key of standardKeys.live(`mortise-${revoked}`)) key.deleted = true
  core.keyring.forget(instance.id)
  await move(core, instance, second, 'keyprotect')
  standardKeys.create = refuse
  await move(core, instance, third, 'keyprotect')
  assert.equal(third.standardKeys.live(`mortise-${id}`).length, 1)
  assert.equal((await core.keys.perform(identify, fetchBytes(id))).length, 64)
})

for (const isBegun of [false, true])
  test(`sent on from a root key whose service is gone before anything had come there, a move ends (announced: ${String(isBegun)})`, async (t) => {
    const [gone, last] = [new FaultyRootKey('test:gone'), new FaultyRootKey('test:last')]
    const core = await openCore(t, { rootKeys: [gone, last] })
    const { rootKey: first } = core
    const instance = await makeInstance(core, 'default', { custody: 'keyprotect' })
    const { identify } = await trustClient(core, instance)
    const id = await core.keys.perform(identify, createKey())
    const text = await core.keys.perform(identify, fetchBytes(id))
    const to = ({ uri }: FaultyRootKey) =>
      core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: uri, custody: 'keyprotect' })
    await to(gone)
    const current = await instanceNow(core, instance)
    if (isBegun) await core.custodies.announce(current)
    gone.fault = 'unreachable'
    await to(last)
    const { worker, failures } = workerOf(core)
    worker.start()
    await until(async () => !(await instanceNow(core, instance)).work, 'it has arrived')
    await worker.stop()
    assert.deepEqual(failures, [])
    await assertInPlace(core, instance, last, [first])
    assert.deepEqual(markersAt(last), [])
    assert.equal(await core.keys.perform(identify, fetchBytes(id)), text)
    assert.deepEqual(markersAt(first), [`to ${last.id}`])
    gone.fault = null
    core.clock.pass(standardKeyListEveryMs)
    await core.sweep()
    assert.deepEqual(markersAt(gone), [])
  })
