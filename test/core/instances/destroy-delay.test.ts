// Instances whose destroyed keys can be brought back: which may have a delay, and that a change of the root key, a rewrap, a
// deletion and a shredding think of the keys that wait.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import type { CustodyKind } from '../../../src/core/trust/rows.ts'
import { TrustRefused } from '../../../src/core/trust/writer.ts'
import { createKey, dayMs, makeInstance, openCore, trustClient } from '../../support/server/core.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { fetchBytes, move, workerOf } from '../../support/server/instance-work.ts'
import { until } from '../../support/time/until.ts'

const delay = { destroyDelaySeconds: 7 * 86_400 }

/** An instance with a key that waits. */
async function begin(t: TestContext) {
  const other = new FaultyRootKey('test:other')
  const core = await openCore(t, { rootKeys: [other] })
  const instance = await makeInstance(core, 'default', delay)
  const { identify } = await trustClient(core, instance)
  const perform = <T>(work: (work: KeyTransaction) => Promise<T>) => core.keys.perform(identify, work)
  const id = await perform(createKey())
  const bytes = await perform(fetchBytes(id))
  await perform((work) => work.destroy(id))
  const bringBack = () => perform((work) => work.undestroy(id, { withoutTakenNames: false }))
  const set = (settings: object) => core.trust.instances.update(serverActor, instance.id, settings)
  const moveTo = (custody: CustodyKind) =>
    core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: other.uri, custody })
  return { core, other, instance, perform, id, bytes, bringBack, set, moveTo }
}

const refused = (code: TrustRefused['why'], message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof TrustRefused, String(error))
  assert.equal(error.why, code, error.message)
  assert.match(`${error.message}\n${error.hint ?? ''}`, message)
  return true
}

test('a key that waits comes back after its instance moved to another root key, and the one before is gone', async (t) => {
  const { core, other, instance, perform, id, bytes, bringBack } = await begin(t)
  await move(core, instance, other, 'database')
  core.rootKey.fault = 'root-key'
  core.keyring.forget(instance.id)
  await bringBack()
  assert.equal(await perform(fetchBytes(id)), bytes)
})

test('a key that waits comes back after a rewrap, and after its root key dropped the version before', async (t) => {
  const { core, instance, perform, id, bytes, bringBack } = await begin(t)
  const before = await core.store.dataKeys(instance.id)
  core.rootKey.rotate()
  const { worker } = workerOf(core)
  await core.trust.work.rewrap(serverActor, instance.id)
  worker.start()
  await until(async () => (await core.access.instance(instance.id))?.work === undefined, 'it is done')
  await worker.stop()
  for (const { wrapped } of before) core.rootKey.refused.add(Buffer.from(wrapped).toString('hex'))
  core.keyring.forget(instance.id)
  await bringBack()
  assert.equal(await perform(fetchBytes(id)), bytes)
})

test('custody keyprotect has no delay, and no instance moves there while keys wait or may begin to', async (t) => {
  const { core, instance, set, moveTo, bringBack, perform, id } = await begin(t)
  await assert.rejects(
    makeInstance(core, 'apart', { ...delay, custody: 'keyprotect' }),
    refused('unfit', /cannot have a destroy delay.*keyprotect.*30 days/s),
  )
  const apart = await makeInstance(core, 'apart', { custody: 'keyprotect' })
  await assert.rejects(
    core.trust.instances.update(serverActor, apart.id, delay),
    refused('unfit', /cannot have a destroy delay/),
  )
  await core.trust.instances.update(serverActor, apart.id, { destroyDelaySeconds: 0 })

  await assert.rejects(moveTo('keyprotect'), refused('unfit', /instance set default --destroy-delay 0/))
  await set({ destroyDelaySeconds: 0 })
  await assert.rejects(
    moveTo('keyprotect'),
    refused('waiting', /1 destroyed key .*cannot move to custody keyprotect/),
  )
  assert.equal((await core.access.instance(instance.id))?.work, undefined)
  await bringBack()
  await perform((work) => work.destroy(id))
  await moveTo('keyprotect')
})

test('a delay waits until an instance has left custody keyprotect', async (t) => {
  const { core, other } = await begin(t)
  const apart = await makeInstance(core, 'apart', { custody: 'keyprotect' })
  const way = { rootKeyUri: other.uri, custody: 'database' } as const
  await core.trust.work.setRootKey(serverActor, apart.id, way)
  const set = () => core.trust.instances.update(serverActor, apart.id, delay)
  await assert.rejects(set(), refused('in-use', /still moves keys from custody keyprotect/))
  const { worker } = workerOf(core)
  worker.start()
  await until(async () => (await core.access.instance(apart.id))?.work === undefined, 'it is done')
  await worker.stop()
  assert.equal((await set()).destroyDelaySeconds, delay.destroyDelaySeconds)
})

test('it waits also where the instance was sent on to a second root key while it left', async (t) => {
  const [second, third] = [new FaultyRootKey('test:second'), new FaultyRootKey('test:third')]
  const core = await openCore(t, { rootKeys: [second, third] })
  const apart = await makeInstance(core, 'apart', { custody: 'keyprotect' })
  const { identify } = await trustClient(core, apart)
  await core.keys.perform(identify, createKey())
  for (const { uri: rootKeyUri } of [second, third])
    await core.trust.work.setRootKey(serverActor, apart.id, { rootKeyUri, custody: 'database' })
  const set = () => core.trust.instances.update(serverActor, apart.id, delay)
  await assert.rejects(set(), refused('in-use', /still moves keys from custody keyprotect/))
})

test('an instance with keys that wait is not deleted, and shredding it removes them at once', async (t) => {
  const { core, instance, id } = await begin(t)
  const remove = () => core.trust.instances.remove(serverActor, instance.id)
  await assert.rejects(remove(), refused('waiting', /1 destroyed key .*cannot be deleted.*--shred/s))
  await core.trust.instances.shred(serverActor, instance.id)
  const left = await core.store.object(instance.id, id)
  assert.deepEqual([left?.sealed, left?.recoverable], [null, undefined])
  assert.deepEqual(await core.store.dueObjects(Number.MAX_SAFE_INTEGER, 10), [])
})

test('once nothing waits any more, an instance without keys is deleted', async (t) => {
  const { core, instance } = await begin(t)
  core.clock.pass(7 * dayMs)
  await core.recoverySweep.look()
  await core.trust.instances.remove(serverActor, instance.id)
})
