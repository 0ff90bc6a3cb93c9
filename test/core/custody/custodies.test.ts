// Which custody holds an object, whether that is where its instance wants it, and the proof that what was stored opens.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { custodyNames } from '../../../src/core/custody/custody.ts'
import { encodeStandardKeyRef } from '../../../src/core/custody/keyprotect/reference.ts'
import { fromRecord } from '../../../src/core/keys/object/managed-object.ts'
import { rootKeyPlaintextBytesMax } from '../../../src/base/bounds.ts'
import {
  standardKeyHeadBytesMax,
  standardKeySweepEveryMs,
} from '../../../src/core/custody/keyprotect/bounds.ts'
import { createKey, makeInstance, openCore, trustClient } from '../../support/server/core.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { reaches } from '../../support/root-keys/rootkey-contract.ts'

const here = { uri: 'test:here', id: 'h' }
const ref = { rootKeyUri: here.uri, rootKeyId: here.id, standardKeyId: 's', generation: 1 }
const bySize = (bytes: number) => Buffer.alloc(bytes, 1)
/** The largest that a root key could have wrapped, as a data key seals it. */
const sealedBytesMax = rootKeyPlaintextBytesMax + 512

test('an object is where its instance wants it, or in the database because no standard key can hold it', async (t) => {
  const { custodies } = await openCore(t)
  for (const [what, sealed, inDatabase, inKeyProtect] of [
    ['no material', null, true, true],
    ['a standard key beside this root key', encodeStandardKeyRef(ref), false, true],
    ['beside another', encodeStandardKeyRef({ ...ref, rootKeyUri: 'test:there' }), false, false],
    ['beside another under its URI', encodeStandardKeyRef({ ...ref, rootKeyId: 'other' }), false, false],
    ['sealed by a data key', bySize(100), true, false],
    ['sealed by a data key, the largest that fits', bySize(sealedBytesMax), true, false],
    ['sealed by a data key, too large', bySize(sealedBytesMax + 1), true, true],
  ] as const) {
    const isInPlace = (custody: 'database' | 'keyprotect') =>
      custodies.isInPlace({ custody }, { sealed }, here)
    assert.deepEqual([isInPlace('database'), isInPlace('keyprotect')], [inDatabase, inKeyProtect], what)
  }
})

/** A head of so many bytes as JSON. */
const head = (bytes: number) => ({ keyFormatType: 'x'.repeat(bytes - '{"keyFormatType":""}'.length) })

test('what no standard key can hold is stored in the database', async (t) => {
  const { custodies } = await openCore(t)
  const bytesMax = rootKeyPlaintextBytesMax
  const headMax = standardKeyHeadBytesMax
  for (const [bytes, headBytes, expected] of [
    [0, 50, false],
    [1, 50, true],
    [bytesMax, headMax, true],
    [bytesMax + 1, 50, false],
    [1, headMax + 1, false],
  ] as const) {
    const material = { bytes: Buffer.alloc(bytes), head: head(headBytes) as object }
    assert.equal(custodies.keyprotect.fits(material), expected, `${bytes}, ${headBytes}`)
    assert.equal(custodies.database.fits(), true)
  }
})

for (const custody of custodyNames)
  suite(`custody ${custody}`, () => {
    test('what was just stored is proved by opening it: other bytes prove nothing', async (t) => {
      const core = await openCore(t)
      const instance = await makeInstance(core, 'one', { custody })
      const { identify } = await trustClient(core, instance)
      const id = await core.keys.perform(identify, createKey())
      const { bytes } = await core.keys.perform(identify, async (work) => {
        const { material } = await work.fetch(id)
        return { bytes: Buffer.from(material.bytes) }
      })
      const stored = fromRecord((await core.store.object(instance.id, id)) ?? assert.fail())
      const prove = (proof: Buffer) => core.custodies.prove(instance, stored, { bytes: proof }, new Set())
      await prove(bytes)
      await assert.rejects(prove(randomBytes(32)), reaches('unreachable', /something else than it sealed/))
      core.keyring.forget(instance.id)
      core.rootKey.fault = 'unreachable'
      await assert.rejects(prove(bytes))
    })

    test('the commit after which an object is stored elsewhere gives its standard key up', async (t) => {
      const core = await openCore(t)
      const object = { instanceId: 'i', uniqueIdentifier: 'k', objectType: 'SymmetricKey', version: 1 }
      const isReference = custody === 'keyprotect'
      const sealed = isReference ? encodeStandardKeyRef(ref) : bySize(100)
      const unwanted = { type: 'standard-key-state', id: 's', state: 'unwanted' }
      assert.deepEqual(
        core.custodies.holding({ sealed }).leaving({ ...object, sealed, dataKeyId: null }),
        isReference ? [unwanted] : [],
      )
    })
  })

test('while an instance moves, memory may open its objects in the custody that it leaves or in the one that it enters', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  const { identify } = await trustClient(core, instance)
  await core.keys.perform(identify, createKey())
  const opens = (custody: 'database' | 'keyprotect', fromCustody?: 'database' | 'keyprotect') => {
    const work = fromCustody && {
      kind: 'move' as const,
      id: 'move',
      fromRootKeyUri: core.rootKey.uri,
      fromCustody,
    }
    return core.custodies.opensFromMemory({ ...instance, custody, ...(work && { work }) })
  }
  assert.deepEqual(
    [
      opens('database'),
      opens('keyprotect'),
      opens('keyprotect', 'database'),
      opens('database', 'keyprotect'),
    ],
    [true, false, true, true],
  )
  core.keyring.forget(instance.id)
  assert.deepEqual([opens('database'), opens('keyprotect', 'database')], [false, false])
})

test('how many standard keys an instance has, and beside which root keys', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core, 'one', { custody: 'keyprotect' })
  const { identify } = await trustClient(core, instance)
  for (let n = 0; n < 2; n++) await core.keys.perform(identify, createKey())
  const rootKeyUris = [core.rootKey.uri]
  assert.deepEqual(await core.custodies.kept(instance.id), { count: 2, rootKeyUris, cause: null })
})

test('the objects that another version of a root key than its newest wrapped', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core, 'one', { custody: 'keyprotect' })
  const { identify } = await trustClient(core, instance)
  const id = await core.keys.perform(identify, createKey())
  const outdated = async (uri: string, newest: string) => {
    const found: string[] = []
    for await (const one of core.custodies.outdated(instance, uri, newest)) found.push(one)
    return found
  }
  assert.deepEqual(await outdated(core.rootKey.uri, 'version-1'), [])
  assert.deepEqual(await outdated(core.rootKey.uri, 'version-2'), [id])
  assert.deepEqual(await outdated('test:there', 'version-2'), [])
})

test('how many data keys each version of the root key wrapped: those under another root key have none', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  const { identify } = await trustClient(core, instance)
  await core.keys.perform(identify, createKey())
  const counts = async (rootKey: Parameters<typeof core.custodies.database.keyVersions>[1]) => [
    ...(await core.custodies.database.keyVersions(instance, rootKey)),
  ]
  const { rootKey } = core
  assert.deepEqual(await counts(rootKey), [['version-1', 1]])
  assert.deepEqual(await counts(undefined), [])
  assert.deepEqual(await counts(new FaultyRootKey('test:there')), [['', 1]])
})

test('an object is named by its wrapped form while it is opened for a client, and not any more then', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core, 'one', { custody: 'keyprotect' })
  const { identify } = await trustClient(core, instance)
  const id = await core.keys.perform(identify, createKey())
  const { rootKey } = core
  const unwrap = rootKey.unwrap.bind(rootKey)
  const wrapped: Uint8Array[] = []
  const named: unknown[] = []
  rootKey.unwrap = async (form, ...asked) => {
    wrapped.push(form)
    named.push(core.custodies.opening(form)?.identifier)
    return unwrap(form, ...asked)
  }
  core.keyring.forget(instance.id)
  await core.keys.perform(identify, async (work) => (await work.fetch(id)).material.bytes.length)
  const [form, ...more] = wrapped
  assert.ok(form && more.length === 0)
  assert.deepEqual([named, core.custodies.opening(form)], [[id], undefined])
})

test('the sweep runs from the start of the server until its stop', async (t) => {
  const core = await openCore(t)
  let held = 0
  const hold = async () => {
    held++
    return undefined
  }
  core.custodies.start((error) => assert.fail(String(error)), { hold })
  core.clock.pass(standardKeySweepEveryMs)
  await core.custodies.stop()
  core.clock.pass(standardKeySweepEveryMs)
  assert.equal(held, 2)
})
