// What the audit says of a key that leaves: who asked for it how.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEntry } from '../../../../src/core/ports/audit.ts'
import { createHash } from 'node:crypto'
import { broughtObject } from '../../../../src/core/keys/forms/brought-object.ts'
import type { FetchOptions } from '../../../../src/core/keys/acts/fetch-object.ts'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { maskOf } from '../../../../src/wire/kmip/enums.ts'
import type { KeyBlock } from '../../../../src/wire/kmip/objects.ts'
import { attributeSet, createKey, faults, openCoreWithClient } from '../../../support/server/core.ts'

test('the entry of a fetch names Export and Put, and nothing where a client asked for the key alone', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  for (const [how, operation] of [
    [{}, undefined],
    [{ exported: true }, 'Export'],
    [{ put: true }, 'Put'],
  ] as const) {
    await perform((work) => work.fetch(id, how))
    const { entries } = await core.store.audit({ order: 'newest', limit: 1 })
    const { action, object, detail } = JSON.parse(entries[0]?.body ?? '{}') as AuditEntry
    assert.deepEqual([action, object, detail?.['operation']], ['key.get', id, operation])
  }
})

test('an object is exported with all its attributes, a destroyed one with these alone, and a secret tells its Digest', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const key = await perform(createKey({ Comment: 'kept' }))
  const bytes = Buffer.from('password')
  const secret = await perform((work) =>
    work.register(
      { objectType: 'SecretData', attributes: attributeSet({}) },
      { bytes: Buffer.from(bytes), head: { keyFormatType: 'Opaque', secretDataType: 'Password' } },
    ),
  )
  const exported = (id: string) =>
    perform(async (work) => {
      const { objectType, attributes, object } = await work.exportWhole(id, {})
      return { objectType, attributes, bytes: object && Buffer.from(object.material.bytes) }
    })
  const whole = await exported(key)
  assert.deepEqual([whole.objectType, whole.bytes?.length], ['SymmetricKey', 32])
  for (const name of ['Comment', 'State', 'Digest', 'InitialDate', 'ShortUniqueIdentifier'])
    assert.ok(whole.attributes.has(name), name)
  const told = await exported(secret)
  assert.deepEqual(told.bytes, bytes)
  assert.deepEqual(
    first(told.attributes, 'Digest')?.DigestValue,
    createHash('sha256').update(bytes).digest(),
    'it is not stored',
  )
  await perform((work) => work.destroy(key))
  const gone = await exported(key)
  assert.deepEqual([gone.objectType, gone.bytes], ['SymmetricKey', undefined])
  assert.deepEqual(
    [first(gone.attributes, 'State'), first(gone.attributes, 'Comment')],
    ['Destroyed', 'kept'],
  )
  const { entries } = await core.store.audit({ order: 'newest', limit: 1, action: 'key.get' })
  const { object, detail } = JSON.parse(entries[0]?.body ?? '{}') as AuditEntry
  assert.deepEqual([object, detail], [key, { operation: 'Export' }])
})

test('a key that came wrapped leaves so, and unwrapped where that is asked for and it may', async (t) => {
  const { perform } = await openCoreWithClient(t, {}, { restrictions: 'as-sent' })
  const by = await perform(
    createKey({
      ActivationDate: 0n,
      CryptographicUsageMask: maskOf('CryptographicUsageMask', ['WrapKey', 'UnwrapKey']),
      CryptographicParameters: { BlockCipherMode: 'NISTKeyWrap' },
    }),
  )
  const key = await perform(createKey())
  const specification = {
    WrappingMethod: 'Encrypt',
    EncryptionKeyInformation: { UniqueIdentifier: by },
    EncodingOption: 'NoEncoding',
    AttributeName: [],
  } as const
  const { block, plain } = await perform(async (work) => {
    const { material } = await work.fetch(key, { wrappers: ['the key that wraps'] })
    const KeyBlock = { KeyFormatType: 'Raw', KeyValue: { KeyMaterial: material.bytes } } as const
    const wanted = { uniqueIdentifier: key, specification, attributes: {}, version: '1.4' } as const
    return {
      plain: Buffer.from(material.bytes),
      block: await work.wrap(KeyBlock, { ...wanted, inKeyValue: true }),
    }
  })
  const came = async (KeyBlock: KeyBlock, more: object = {}) => {
    const { material } = broughtObject('SymmetricKey', { SymmetricKey: { KeyBlock } })
    const attributes = attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256, ...more })
    return perform((work) => work.register({ objectType: 'SymmetricKey', attributes }, material))
  }
  const fetched = (id: string, how: FetchOptions) =>
    perform(async (work) => {
      const { material, cameInKeyValue, allAttributes } = await work.fetch(id, how)
      assert.equal(first(allAttributes(), 'UniqueIdentifier'), id)
      const isPlain = material.bytes.equals(plain)
      return [isPlain, material.head.wrapping !== undefined, cameInKeyValue]
    })
  const inValue = await came(block)
  const { KeyMaterial } = block.KeyValue as { readonly KeyMaterial: Buffer }
  const asBytes = await came({ ...block, KeyValue: KeyMaterial })
  for (const [id, how, expected] of [
    [inValue, {}, [false, true, undefined]],
    [inValue, { unwrap: true }, [true, false, true]],
    [asBytes, { unwrap: true }, [true, false, false]],
    [key, { unwrap: true }, [true, false, undefined]],
  ] as const)
    assert.deepEqual(await fetched(id, how), expected)
  const sensitive = await came(block, { Sensitive: true })
  assert.deepEqual(await fetched(sensitive, {}), [false, true, undefined], 'it is encrypted')
  await assert.rejects(fetched(sensitive, { unwrap: true }), faults('Sensitive'))
  assert.deepEqual(await fetched(sensitive, { unwrap: true, wrappers: ['the key that wraps'] }), [
    true,
    false,
    true,
  ])
})
