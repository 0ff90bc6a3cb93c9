// The Names of an object: as they are written, as they are compared, and without those of another object.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  comparedNames,
  firstName,
  nameValues,
  withFreeNames,
} from '../../../../src/core/keys/object/object-names.ts'
import { attributeSet, name } from '../../../support/server/core.ts'
import { managedObject } from './object-values.ts'

test('Names that another object has are left out; the others keep their index', () => {
  const attributes = attributeSet({ Name: [name('a'), name('b')] })
  const both = managedObject({ attributes })
  const [a = '', b = ''] = comparedNames(both)
  assert.equal(
    withFreeNames(both, () => false),
    both,
  )
  const left = withFreeNames(both, (one) => one === a)
  assert.deepEqual(comparedNames(left), [b])
  assert.equal(left.attributes.get('Name')?.[0]?.index, 1)
  assert.equal(withFreeNames(both, () => true).attributes.has('Name'), false)
  assert.deepEqual(nameValues(both), ['a', 'b'])
  assert.deepEqual([firstName(both), firstName(left), firstName(managedObject())], ['a', 'b', null])
  assert.deepEqual(comparedNames(managedObject()), [])
  assert.equal(both.attributes.get('Name')?.length, 2, 'it stays as it was')
})
