// The attributes of an Import: each fits its object and the request, and what the server finds out by itself is left aside.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attributeInstancesMax } from '../../../src/base/bounds.ts'
import { importedAttributes } from '../../../src/core/operations/imported-attributes.ts'
import type { GivenAttribute } from '../../../src/core/operations/wire-attributes.ts'
import { faults } from '../../support/server/core.ts'

const about = { version: '1.4', objectType: 'SymmetricKey', uniqueIdentifier: 'k' } as const
const imported = (...given: readonly GivenAttribute[]) => importedAttributes(given, about)
const group = (value: string, index?: number) => ({ key: 'ObjectGroup', index, value })

test('the set has what the client gives, without identifier, type and state, which the request has too', () => {
  const { attributes: given, state } = imported(
    { key: 'UniqueIdentifier', value: 'k' },
    { key: 'ObjectType', value: 'SymmetricKey' },
    { key: 'State', value: 'Compromised' },
    { key: 'InitialDate', value: 5n },
    ...[
      'KeyFormatType',
      'ObjectClass',
      'OpaqueDataType',
      'ProtectionStorageMask',
      'ShortUniqueIdentifier',
    ].map((key) => ({ key, value: 'of another server' })),
  )
  assert.deepEqual([...given], [['InitialDate', [{ index: 0, value: 5n }]]])
  assert.equal(state, 'Compromised')
  assert.equal(imported().state, undefined)
})

test('what contradicts the request, or says that the object is destroyed, is refused', () => {
  for (const [attribute, refusal] of [
    [{ key: 'UniqueIdentifier', value: 'other' }, /"Unique Identifier" contradicts/],
    [{ key: 'ObjectType', value: 'SecretData' }, /"Object Type" contradicts/],
    [{ key: 'State', value: 'Destroyed' }, /destroyed cannot be imported/],
    [{ key: 'State', value: 'DestroyedCompromised' }, /destroyed cannot be imported/],
    [{ key: 'CertificateType', value: 'X_509' }, /does not apply to objects of type SymmetricKey/],
  ] as const)
    assert.throws(() => imported(attribute), faults('InvalidField', refusal), attribute.key)
})

const indexesOf = (...given: readonly GivenAttribute[]) =>
  imported(...given)
    .attributes.get('ObjectGroup')
    ?.map(({ index, value }) => `${index} ${String(value)}`)

test('instances keep the indexes that they have, and the others get the next ones, in order of index', () => {
  assert.deepEqual(indexesOf(group('a'), group('b')), ['0 a', '1 b'])
  assert.deepEqual(indexesOf(group('a', 5), group('b'), group('c', 2)), ['2 c', '5 a', '6 b'])
  const taken = faults('InvalidField', /two instances of the same Attribute Index/)
  assert.throws(() => imported(group('a', 3), group('b', 3)), taken)
  assert.throws(() => imported(group('a'), group('b', 0)), taken)
})

const comment = (index?: number) => ({ key: 'Comment', index, value: 'c' })

const groups = (count: number) => Array.from({ length: count }, (_, place) => group(String(place)))

test('an attribute with one instance is given once and has no index but 0, and others have a bounded number', () => {
  for (const index of [undefined, 0])
    assert.equal(imported(comment(index)).attributes.get('Comment')?.[0]?.index, 0)
  assert.throws(() => imported(comment(1)), faults('InvalidField', /no Attribute Index but 0/))
  assert.throws(() => imported(comment(), comment()), faults('InvalidField', /at most one "Comment"/))
  const most = attributeInstancesMax
  assert.equal(imported(...groups(most)).attributes.get('ObjectGroup')?.length, most)
  assert.throws(() => imported(...groups(most + 1)), faults('IndexOutOfBounds', /at most/))
})
