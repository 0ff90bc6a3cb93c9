// DER of strangers is counted before a library parses it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DerError, requireFewElements } from '../../src/pki/der.ts'

test('elements are counted on every level, and what is no DER is refused', () => {
  const nested = Buffer.from('30083003020101020102', 'hex')
  assert.doesNotThrow(() => requireFewElements(nested, 4))
  assert.throws(() => requireFewElements(nested, 3), DerError)
  assert.throws(() => requireFewElements(Buffer.from('3005', 'hex'), 10), DerError)
  // What stands in a string is one element, whatever it is.
  assert.doesNotThrow(() => requireFewElements(Buffer.from('04053003020101', 'hex'), 1))
  const deep = Buffer.from('3080', 'hex')
  assert.throws(() => requireFewElements(deep, 10), DerError, 'an indefinite length')
})
