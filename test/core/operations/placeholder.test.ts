// The ID Placeholder of one batch.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uniqueIdentifierBytesMax } from '../../../src/base/bounds.ts'
import { Placeholder } from '../../../src/core/operations/placeholder.ts'
import { faults } from '../../support/server/core.ts'

test('an identifier that is given counts, otherwise the last one that was set', () => {
  const placeholder = new Placeholder()
  assert.equal(placeholder.value, undefined)
  assert.throws(() => placeholder.resolve(undefined), faults('ObjectNotFound', /no earlier item/))
  placeholder.set('a')
  assert.deepEqual(
    [placeholder.resolve(undefined), placeholder.resolve('b'), placeholder.value],
    ['a', 'b', 'a'],
  )
  placeholder.set(undefined)
  assert.throws(() => placeholder.resolve(undefined), faults('ObjectNotFound'))
  assert.equal(new Placeholder('x').resolve(undefined), 'x')
})

test('an identifier is a text of bounded length', () => {
  const placeholder = new Placeholder()
  assert.throws(() => placeholder.resolve(1), faults('InvalidMessage', /text string/))
  const max = uniqueIdentifierBytesMax
  assert.equal(placeholder.resolve('x'.repeat(max)).length, max)
  assert.throws(() => placeholder.resolve('x'.repeat(max + 1)), faults('ObjectNotFound', /such a long/))
  assert.throws(
    () => placeholder.resolve('ä'.repeat(max / 2 + 1)),
    faults('ObjectNotFound'),
    'counted in bytes',
  )
})
