// The contract of src/core/custody/custody.ts, which both custodies are held to: what is stored opens, at its place alone and
// as it is now; what is given up leaves nothing; what an instance's owner takes away is not served.

import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import {
  CustodyRefused,
  type CustodyName,
  type ObjectFacts,
  type StoredForm,
} from '../../../src/core/custody/custody.ts'
import { fromRecord } from '../../../src/core/keys/object/managed-object.ts'
import { KeysUnavailable } from '../../../src/core/sealing/unwrap-cache.ts'
import { rootKeyAskAgainMs } from '../../../src/core/sealing/bounds.ts'
import type { CorrelationIds } from '../../../src/core/ports/root-key.ts'
import { createKey, makeInstance, openCore, trustClient } from '../../support/server/core.ts'

const facts: ObjectFacts = {
  algorithm: 'AES',
  length: 256,
  mask: 12,
  names: [],
  closing: null,
  deactivationDate: null,
  restrictions: { sensitive: false, extractable: true, usageLimits: null },
}

async function begin(t: TestContext, name: CustodyName) {
  const core = await openCore(t)
  const instance = await makeInstance(core, 'one', { custody: name })
  const custody = core.custodies.of(instance)
  const { identify } = await trustClient(core, instance)
  const bytes = randomBytes(32)
  const identifier = randomUUID()
  const place = {
    purpose: 'object',
    instanceId: instance.id,
    identifier,
    objectType: 'SymmetricKey',
  } as const
  const seal = () =>
    custody.seal(instance, place, { bytes: Buffer.from(bytes), head: { keyFormatType: 'Raw' } }, { facts })
  const formOf = (sealed: Awaited<ReturnType<typeof seal>>): StoredForm => {
    const { instanceId, identifier: uniqueIdentifier, objectType } = place
    return { instanceId, uniqueIdentifier, objectType, version: 1, ...sealed }
  }
  const commit = (writes: Awaited<ReturnType<typeof seal>>['writes']) =>
    core.store.commit({ writes, entries: [], durability: 'disk' })
  return { core, instance, custody, identify, bytes, seal, formOf, commit }
}

export function custodyContract(name: CustodyName): void {
  test('what is stored opens, from memory and again, and nothing of it stands in the stored form', async (t) => {
    const { core, instance, custody, bytes, seal, formOf, commit } = await begin(t, name)
    const sealed = await seal()
    await commit(sealed.writes)
    assert.equal(Buffer.from(sealed.sealed).includes(bytes), false)
    assert.equal(core.custodies.holding(formOf(sealed)), custody)
    for (const forget of [false, true]) {
      if (forget) core.keyring.forget(instance.id)
      const opened = await custody.open(instance, formOf(sealed))
      assert.deepEqual([opened.bytes, opened.head], [bytes, { keyFormatType: 'Raw' }])
      opened.bytes.fill(0)
    }
    const correlationIds: CorrelationIds = new Set()
    assert.deepEqual((await custody.openAnew(instance, formOf(sealed), correlationIds)).bytes, bytes)
    await custody.requireThere(formOf(sealed), correlationIds)
    assert.ok(custody.isInPlace(formOf(sealed), core.rootKey))
  })

  test('it opens from memory what the cache rule lets it open, and nothing of an instance that was forgotten', async (t) => {
    const { core, instance, custody, seal, formOf, commit } = await begin(t, name)
    assert.equal(custody.opensFromMemory({ ...instance, id: 'another' }), false)
    const sealed = await seal()
    await commit(sealed.writes)
    for (const forget of [false, true]) {
      if (forget) core.keyring.forget(instance.id)
      assert.equal(custody.opensFromMemory(instance), !forget)
    }
    await custody.open(instance, formOf(sealed))
    assert.equal(custody.opensFromMemory(instance), true)
    core.clock.pass((instance.cacheSeconds + instance.outageSeconds) * 1000)
    assert.equal(custody.opensFromMemory(instance), false)
  })

  test('at another place, or altered, it does not open', async (t) => {
    const { core, instance, custody, seal, formOf, commit } = await begin(t, name)
    const sealed = await seal()
    await commit(sealed.writes)
    const altered = Uint8Array.from(sealed.sealed)
    altered.set([altered.at(-1) === 0 ? 1 : 0], altered.length - 1)
    for (const other of [
      { uniqueIdentifier: randomUUID() },
      { objectType: 'SecretData' },
      { sealed: altered },
    ]) {
      core.keyring.forget(instance.id)
      await assert.rejects(
        async () => custody.open(instance, { ...formOf(sealed), ...other }),
        CustodyRefused,
      )
    }
  })

  test('the root key refuses, or cannot be reached: nothing is stored, and nothing opens that is not in memory', async (t) => {
    const { core, instance, custody, bytes, seal, formOf, commit } = await begin(t, name)
    const sealed = await seal()
    await commit(sealed.writes)
    for (const fault of ['unreachable', 'root-key'] as const) {
      core.keyring.forget(instance.id)
      core.clock.pass(rootKeyAskAgainMs)
      core.rootKey.fault = fault
      const reach = (error: unknown) => error instanceof KeysUnavailable && error.reach === fault
      await assert.rejects(async () => custody.open(instance, formOf(sealed)), reach)
      await assert.rejects(seal(), reach)
    }
    core.rootKey.fault = null
    core.clock.pass(rootKeyAskAgainMs)
    assert.deepEqual((await custody.open(instance, formOf(sealed))).bytes, bytes)
  })

  test('what is abandoned, left or destroyed leaves nothing at the service', async (t) => {
    const { core, instance, identify, seal } = await begin(t, name)
    const { standardKeys } = core.rootKey
    await (await seal()).abandon()
    assert.deepEqual(standardKeys.live(), [])
    const id = await core.keys.perform(identify, createKey())
    await core.keys.perform(identify, (work) => work.destroy(id))
    assert.deepEqual(standardKeys.live(), [])
    assert.deepEqual(await core.store.standardKeys({ instanceId: instance.id, limit: 9 }), [])
  })

  test('a change that its stored form need not say costs nothing, and a closing keeps the key', async (t) => {
    const { core, instance, identify } = await begin(t, name)
    const id = await core.keys.perform(identify, createKey())
    const { calls } = core.rootKey
    await core.keys.perform(identify, (work) => work.activate(id))
    assert.equal(core.rootKey.calls, calls)
    const none = { message: undefined, compromiseOccurrenceDate: undefined }
    await core.keys.perform(identify, (work) => work.revoke(id, { code: 'KeyCompromise', ...none }))
    core.keyring.forget(instance.id)
    const stored = await core.store.object(instance.id, id)
    assert.ok(stored)
    assert.equal(stored.state, 'Compromised')
    const { bytes } = await core.custodies.open(instance, fromRecord(stored))
    assert.equal(bytes.length, 32)
  })

  test('how many the newest version of the root key wrapped is known', async (t) => {
    const { core, instance, custody, identify } = await begin(t, name)
    await core.keys.perform(identify, createKey())
    assert.deepEqual([...(await custody.keyVersions(instance, core.rootKey))], [['version-1', 1]])
  })
}
