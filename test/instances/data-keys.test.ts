// Long work on the data keys of an instance whose root keys are several.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../src/audit/actor.ts'
import { createKey, makeInstance, openCore, trustClient } from '../support/core.ts'
import { FaultyRootKey } from '../support/faulty-root-key.ts'
import { fetchBytes, instanceNow, workerOf } from '../support/instance-work.ts'
import { until } from '../support/until.ts'

test('a root key that the instance left and that is away holds up nothing of the others', async (t) => {
  const [second, third] = [new FaultyRootKey('test:second'), new FaultyRootKey('test:third')]
  const core = await openCore(t, { rootKeys: [second, third] })
  const instance = await makeInstance(core, 'default')
  const { identify } = await trustClient(core, instance)
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
  await until(() => /unreachable/.test(worker.progress(instance.id)?.trouble ?? ''), 'it says why')
  core.rootKey.fault = null
  await until(async () => !(await instanceNow(core, instance)).work, 'it is done')
  await worker.stop()
})
