// A data key that moves to another root key while somebody asks for it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import type { DataKeyRecord } from '../../../src/core/ports/secrets.ts'
import type { Store } from '../../../src/core/ports/store.ts'
import { Keyring } from '../../../src/core/sealing/keyring.ts'
import { KeysUnavailable } from '../../../src/core/sealing/unwrap-cache.ts'
import { makeInstance, openCore } from '../../support/server/core.ts'
import { rootKeyAskAgainMs } from '../../../src/core/sealing/bounds.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

const none = () => undefined

test('it is opened by the root key that it moved to, and a refusal of the one before counts only if it stayed', async (t) => {
  const [from, to] = [new FaultyRootKey(), new FaultyRootKey()]
  const core = await openCore(t, { rootKeys: [from, to] })
  const instance = await makeInstance(core, 'moving', { rootKeyUri: from.uri })
  const [record] = await core.store.dataKeys(instance.id)
  assert.ok(record)
  const moved = await core.keyring.reseal(record, to)
  const openRootKey = async (uri: string) => (uri === to.uri ? to : from)
  /** A keyring whose store answers one question after the other with these records. */
  const keyring = (...answers: DataKeyRecord[]) => {
    const store = {
      dataKeys: async () => [answers.length > 1 ? answers.shift() : answers[0]],
    } as unknown as Store
    const events = { unreachable: none, withdrawn: none, answers: none }
    return new Keyring({ store, clock: new MovableClock(), openRootKey, events })
  }
  from.fault = 'root-key'
  const { key } = await keyring(record, moved).byId(instance, record.id)
  from.fault = null
  const before = await keyring(record).byId(instance, record.id)
  assert.ok(key.equals(before.key))
  from.fault = 'root-key'
  await assert.rejects(
    async () => keyring(record).byId(instance, record.id),
    (error) => error instanceof KeysUnavailable && error.reach === 'root-key',
  )
})

test('a root key is asked by what it seals now: a version that sealed a data key before, and is disabled by now, refuses nobody', async (t) => {
  const core = await openCore(t)
  const { clock, keyring, rootKey, store } = core
  const instance = await makeInstance(core, 'rotated')
  const [record] = await store.dataKeys(instance.id)
  assert.ok(record)
  await keyring.probe(instance)
  rootKey.rotate()
  // As another node rewraps it, and keeps this one from nothing.
  const aad = Buffer.from(JSON.stringify(['mortise data key 1', instance.id, record.id]))
  const wrapped = await rootKey.versions.rewrap(record.wrapped, aad)
  await store.commit({
    writes: [{ type: 'data-key-rewrapped', was: record.wrapped, record: { ...record, wrapped } }],
    entries: [],
    durability: 'disk',
  })
  rootKey.disabled.add(1)
  rootKey.wrapFault = 'unreachable'
  const use = await keyring.openRootKey(instance.rootKeyUri, instance.id)
  await assert.rejects(use.wrap(Buffer.of(1), Buffer.of(1)))
  rootKey.wrapFault = null
  for (let times = 0; times < 3; times++) {
    clock.pass(rootKeyAskAgainMs)
    await keyring.probe(instance)
  }
})

test('on another node too: what comes back under the id of a shredded instance is sealed by a data key that the store has', async (t) => {
  const core = await openCore(t)
  const { clock } = core
  const events = { unreachable: none, withdrawn: none, answers: none }
  let reads = 0
  const dataKeys = (instanceId: string) => {
    reads++
    return core.store.dataKeys(instanceId)
  }
  const store = { dataKeys } as Store
  const node = new Keyring({ store, clock, openRootKey: async () => core.rootKey, events })
  const { id, name, custody, rootKeyUri } = await makeInstance(core, 'vmware')
  const there = async () => (await core.access.instance(id)) ?? assert.fail('it is gone')
  const { id: before } = await node.current(await there())
  await core.trust.instances.shred(serverActor, id)
  await core.trust.instances.create(serverActor, { id, name, custody, rootKeyUri })
  const { id: after } = await node.current(await there())
  assert.notEqual(after, before)
  assert.deepEqual(
    (await core.store.dataKeys(id)).map((record) => record.id),
    [after],
  )
  reads = 0
  assert.equal((await node.current(await there())).id, after)
  assert.equal(reads, 0, 'as long as nobody changes trust, it is known')
})
