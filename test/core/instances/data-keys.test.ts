// Long work on the data keys of an instance whose root keys are several.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { resealDataKeys } from '../../../src/core/instances/data-keys.ts'
import { WorkRun } from '../../../src/core/instances/run.ts'
import { createKey, makeInstance, openCore, trustClient } from '../../support/server/core.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { fetchBytes, instanceNow, workerOf } from '../../support/server/instance-work.ts'
import { until } from '../../support/time/until.ts'

test('a root key that the instance left and that is away holds up nothing of the others', async (t) => {
  const [second, third] = [new FaultyRootKey('test:second'), new FaultyRootKey('test:third')]
  const core = await openCore(t, { rootKeys: [second, third] })
  const instance = await makeInstance(core, 'default')
  const { identify } = await trustClient(core, instance)
  await core.keys.perform(identify, createKey())
  core.rootKey.fault = 'unreachable'
  const { worker } = workerOf(core)
  worker.start()
  const to = async ({ uri: rootKeyUri }: FaultyRootKey) => {
    await core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri, custody: 'database' })
    worker.nudge(instance.id)
  }
  await to(second)
  const id = await core.keys.perform(identify, createKey())
  const bytes = await core.keys.perform(identify, fetchBytes(id))
  await to(third)
  const sealers = async () => (await core.store.dataKeys(instance.id)).map(({ rootKeyUri }) => rootKeyUri)
  await until(async () => !(await sealers()).includes(second.uri), 'it has left the second one')
  second.fault = 'root-key'
  core.keyring.forget(instance.id)
  assert.equal(await core.keys.perform(identify, fetchBytes(id)), bytes)
  await until(() => /unreachable/.test(worker.progress(instance.id)?.trouble ?? ''), 'it says why')
  core.rootKey.fault = null
  await until(async () => !(await instanceNow(core, instance)).work, 'it is done')
  await worker.stop()
  assert.deepEqual(new Set(await sealers()), new Set([third.uri]))
})

test('a root key that the instance left and that is away keeps no standard key beside another one', async (t) => {
  const [second, third] = [new FaultyRootKey('test:second'), new FaultyRootKey('test:third')]
  const core = await openCore(t, { rootKeys: [second, third] })
  const custody = 'keyprotect'
  const instance = await makeInstance(core, 'default', { custody })
  const { identify } = await trustClient(core, instance)
  core.rootKey.fault = 'unreachable'
  const { worker } = workerOf(core)
  worker.start()
  const to = async ({ uri: rootKeyUri }: FaultyRootKey) => {
    await core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri, custody })
    worker.nudge(instance.id)
  }
  await to(second)
  const id = await core.keys.perform(identify, createKey())
  await to(third)
  const beside = async () => {
    const rows = await core.store.standardKeys({ instanceId: instance.id, kind: 'object', limit: 10 })
    return rows.filter(({ state }) => state !== 'unwanted').map((row) => [row.identifier, row.rootKeyUri])
  }
  await until(
    async () => (await beside()).every(([, uri]) => uri === third.uri),
    'it has left the second one',
  )
  assert.deepEqual(await beside(), [[id, third.uri]])
  await until(async () => !(await instanceNow(core, instance)).work, 'it is done')
  await worker.stop()
})

test('a data key that seals nothing and does not open is removed, unless it is the newest; one that seals a destroyed key is kept', async (t) => {
  const [second, third] = [new FaultyRootKey('test:second'), new FaultyRootKey('test:third')]
  const core = await openCore(t, { rootKeys: [second, third] })
  const instance = await makeInstance(core, 'default', { destroyDelaySeconds: 604_800 })
  const { identify } = await trustClient(core, instance)
  const to = ({ uri: rootKeyUri }: FaultyRootKey) =>
    core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri, custody: 'database' })
  const sealers = async () => (await core.store.dataKeys(instance.id)).map(({ rootKeyUri }) => rootKeyUri)
  const reseal = async () => {
    const run = new WorkRun(
      { ...core, signal: new AbortController().signal },
      instance.id,
      (await instanceNow(core, instance)).work ?? null,
    )
    return resealDataKeys(run, core.keyring, { rootKey: third })
  }
  const id = await core.keys.perform(identify, createKey())
  await core.keys.perform(identify, (work) => work.destroy(id))
  await to(second)
  for (const rootKey of [core.rootKey, second]) rootKey.fault = 'unreachable'
  assert.ok((await reseal()).failure)
  assert.deepEqual(await sealers(), [core.rootKey.uri, second.uri], 'the newest stays')
  await to(third)
  assert.ok((await reseal()).failure)
  assert.deepEqual((await sealers()).toSorted(), [core.rootKey.uri, third.uri].toSorted())
  await core.store.commit({
    writes: [{ type: 'recoverable-removed', instanceId: instance.id }],
    entries: [],
    durability: 'disk',
  })
  assert.deepEqual(await reseal(), { done: 0, left: 0, failure: undefined })
  assert.deepEqual(await sealers(), [third.uri])
})

test('a data key that seals nothing and opens is kept and sealed again, also after the new root key was away', async (t) => {
  const second = new FaultyRootKey('test:second')
  const core = await openCore(t, { rootKeys: [second] })
  const instance = await makeInstance(core, 'default')
  const target = { rootKeyUri: second.uri, custody: 'database' } as const
  await core.trust.work.setRootKey(serverActor, instance.id, target)
  const { work = null } = await instanceNow(core, instance)
  const run = new WorkRun({ ...core, signal: new AbortController().signal }, instance.id, work)
  second.fault = 'unreachable'
  const away = await resealDataKeys(run, core.keyring, { rootKey: second })
  assert.equal(away.failure?.reach, 'unreachable')
  assert.equal((await core.store.dataKeys(instance.id)).length, 2)
  second.fault = null
  const there = await resealDataKeys(run, core.keyring, { rootKey: second })
  assert.deepEqual(there, { done: 1, left: 0, failure: undefined })
})
