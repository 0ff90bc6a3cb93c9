// The records of data keys: which of them is the current one, how they are sealed again and proved, which root key is asked by
// them, and how they open outside of a server.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { RootKeyError, type RootKey } from '../../../src/core/ports/root-key.ts'
import type { DataKeyRecord } from '../../../src/core/ports/secrets.ts'
import type { Store } from '../../../src/core/ports/store.ts'
import { Keyring, unwrapDataKey, wrapDataKey } from '../../../src/core/sealing/keyring.ts'
import { rootKeyAskAgainMs } from '../../../src/core/sealing/bounds.ts'
import { makeInstance, openCore } from '../../support/server/core.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { reaches } from '../../support/root-keys/rootkey-contract.ts'

const none = () => undefined

/** An instance under one root key, with another one beside it, and its data key in clear. */
async function begin(t: TestContext) {
  const [own, other] = [new FaultyRootKey('test:own'), new FaultyRootKey('test:other')]
  const core = await openCore(t, { rootKeys: [own, other] })
  const instance = await makeInstance(core, 'vmware', { rootKeyUri: own.uri })
  const [record] = await core.store.dataKeys(instance.id)
  assert.ok(record)
  const bytes = Buffer.from(await unwrapDataKey(record, own))
  return { ...core, instance, own, other, record, bytes }
}

const withoutVersions = (rootKey: FaultyRootKey): RootKey => ({
  uri: rootKey.uri,
  id: rootKey.id,
  wrap: (...asked) => rootKey.wrap(...asked),
  unwrap: (...asked) => rootKey.unwrap(...asked),
})

const counts = ({ calls, unwraps, rewraps }: FaultyRootKey) => ({ calls, unwraps, rewraps })

for (const [what, isOwn, hasVersions, calls] of [
  ['by its own root key, which rewraps it', true, true, { calls: 1, unwraps: 0, rewraps: 1 }],
  ['by its own root key, which has no versions', true, false, { calls: 2, unwraps: 1, rewraps: 0 }],
  ['by another root key', false, true, { calls: 1, unwraps: 1, rewraps: 0 }],
  ['by another root key without versions', false, false, { calls: 1, unwraps: 1, rewraps: 0 }],
] as const)
  test(`a data key that is sealed again ${what}, stays the same`, async (t) => {
    const { keyring, own, other, record, bytes } = await begin(t)
    const rootKey = isOwn ? own : other
    rootKey.rotate()
    const before = counts(own)
    const opened = own.opened.length
    const resealed = await keyring.reseal(record, hasVersions ? rootKey : withoutVersions(rootKey))
    const made = counts(own)
    assert.deepEqual(
      {
        calls: made.calls - before.calls,
        unwraps: made.unwraps - before.unwraps,
        rewraps: made.rewraps - before.rewraps,
      },
      calls,
    )
    const { uri: rootKeyUri, id: rootKeyId } = rootKey
    assert.deepEqual(resealed, { ...record, rootKeyUri, rootKeyId, wrapped: resealed.wrapped })
    assert.equal(rootKey.versions.of(resealed.wrapped), 'version-2')
    for (const one of own.opened.slice(opened)) assert.deepEqual(one, Buffer.alloc(32), 'it is wiped')
    assert.deepEqual(Buffer.from(await unwrapDataKey(resealed, rootKey)), bytes)
  })

test('a data key is proved by opening it, and wiped', async (t) => {
  const { keyring, own, record } = await begin(t)
  await keyring.prove(record)
  assert.deepEqual(own.opened.at(-1), Buffer.alloc(32))
  for (const [what, altered, reach] of [
    ['of another data key', { id: 'other' }, 'wrapped-form'],
    ['of another instance', { instanceId: 'other' }, 'wrapped-form'],
    ['altered', { wrapped: record.wrapped.toReversed() }, 'wrapped-form'],
    ['of another root key under this URI', { rootKeyId: 'other' }, 'root-key'],
  ] as const)
    await assert.rejects(keyring.prove({ ...record, ...altered }), reaches(reach), what)
})

const bytesOf = (n: number) => Buffer.alloc(32, n)

test('the current data key is the newest, and each opens by its id, in whatever order the store has them', async (t) => {
  const { own, record } = await begin(t)
  const records = await Promise.all(
    [1, 2, 3].map(async (createdMs) => {
      const one: DataKeyRecord = { ...record, id: `key ${createdMs}`, createdMs }
      return wrapDataKey(one, bytesOf(createdMs), own)
    }),
  )
  const events = { unreachable: none, withdrawn: none, answers: none }
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
  ]) {
    const store = { dataKeys: async () => order.map((n) => records[n]) } as unknown as Store
    const keyring = new Keyring({ store, clock: new MovableClock(), openRootKey: async () => own, events })
    const instance = { id: record.instanceId, rootKeyUri: own.uri, cacheSeconds: 60, outageSeconds: 0 }
    assert.equal((await keyring.current(instance)).id, 'key 3', `order ${order.join()}`)
    for (const n of [1, 2, 3]) {
      const { key } = await keyring.byId(instance, `key ${n}`)
      assert.deepEqual(key.export(), bytesOf(n))
    }
    await assert.rejects(async () => keyring.byId(instance, 'key 4'), /has no data key key 4/)
  }
})

for (const [what, asked, isOpened] of [
  ['the one that the instance has left for another', 'own', false],
  ['the one that seals its data key', 'other', true],
] as const)
  test(`a refused call after a start makes the server open a data key, if any is under that root key: ${what}`, async (t) => {
    const begun = await begin(t)
    const { own, other, record, store, instance } = begun
    const moved = await begun.keyring.reseal(record, other)
    await store.commit({
      writes: [{ type: 'data-key-rewrapped', was: record.wrapped, record: moved }],
      entries: [],
      durability: 'disk',
    })
    const { keyring } = await begun.reopen()
    const use = { instanceId: instance.id, rootKeyUri: begun[asked].uri }
    const refused = () =>
      keyring.status.call(use, () => Promise.reject(new RootKeyError('root-key', 'refused')))
    const before = [own.unwraps, other.unwraps]
    await assert.rejects(refused(), reaches('call'))
    assert.deepEqual([own.unwraps, other.unwraps], [before[0], (before[1] ?? 0) + (isOpened ? 1 : 0)])
    begun[asked].fault = 'root-key'
    begun.clock.pass(rootKeyAskAgainMs)
    await assert.rejects(refused(), reaches(isOpened ? 'root-key' : 'call'), 'only an unwrap confirms it')
  })

test('outside of a server a data key opens under its root key, and under another one that it is wrapped by', async (t) => {
  const { other, record, bytes } = await begin(t)
  await assert.rejects(unwrapDataKey(record, other), reaches('root-key', /test:own is another root key/))
  const wrapped = await wrapDataKey(record, bytes, other)
  const { uri: rootKeyUri, id: rootKeyId } = other
  assert.deepEqual(wrapped, { ...record, rootKeyUri, rootKeyId, wrapped: wrapped.wrapped })
  assert.deepEqual(Buffer.from(await unwrapDataKey(wrapped, other)), bytes)
  await assert.rejects(unwrapDataKey({ ...wrapped, id: 'other' }, other), reaches('wrapped-form'))
})

test('memory has a data key of an instance from its first use on, until the instance is forgotten', async (t) => {
  const begun = await begin(t)
  const { keyring } = await begun.reopen()
  const has = () => keyring.has(begun.instance)
  assert.equal(has(), false)
  await keyring.current(begun.instance)
  assert.equal(has(), true)
  keyring.forget(begun.instance.id)
  assert.equal(has(), false)
})
