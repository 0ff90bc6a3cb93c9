// The digest of an object whose digest is not stored: there as long as the material is, and no reason to refuse the rest.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { attributeSet, openCoreWithClient } from '../../../support/server/core.ts'

test('Secret Data has a digest until it is destroyed, and its attributes are answered after that', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const bytes = Buffer.from('a secret')
  const expected = createHash('sha256').update(bytes).digest()
  const head = { keyFormatType: 'Opaque', secretDataType: 'Password' } as const
  const id = await perform((work) =>
    work.register({ objectType: 'SecretData', attributes: attributeSet({}) }, { bytes, head }),
  )
  const digest = async () => {
    const attributes = await perform((work) => work.attributes('key.attributes', id))
    const value = first(attributes, 'Digest')?.DigestValue
    return [first(attributes, 'State'), value && Buffer.from(value)]
  }
  assert.deepEqual(await digest(), ['PreActive', expected])
  core.rootKey.fault = 'unreachable'
  core.keyring.forget(instance.id)
  assert.deepEqual(await digest(), ['PreActive', undefined])
  core.rootKey.fault = null
  await perform((work) => work.destroy(id))
  assert.deepEqual(await digest(), ['Destroyed', undefined])
})

test('a secret whose bytes are wrapped, or elsewhere, has no digest', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const wrapping = { data: 'AA==', isInKeyValue: false }
  const plain = { keyFormatType: 'Opaque', secretDataType: 'Password' } as const
  for (const [head, has] of [
    [plain, true],
    [{ ...plain, wrapping }, false],
    [{ ...plain, isElsewhere: true }, false],
  ] as const) {
    const wanted = { objectType: 'SecretData', attributes: attributeSet({}) } as const
    const id = await perform((work) => work.register(wanted, { bytes: Buffer.from('secret'), head }))
    assert.equal((await perform((work) => work.attributes('key.attributes', id))).has('Digest'), has)
  }
})
