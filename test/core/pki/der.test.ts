// DER of strangers: elements are counted before a library parses them, and identifiers are read.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectIdentifierBytesMax } from '../../../src/core/pki/der.ts'
import { DerError, dottedIdentifier, requireFewElements } from '../../../src/core/pki/der.ts'

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

const oneArc = (bytes: number) => Buffer.alloc(bytes, 0xff).fill(0x7f, bytes - 1)

test('an identifier is read as text, as long as it may be', () => {
  assert.equal(dottedIdentifier(Buffer.from('550403', 'hex')), '2.5.4.3')
  assert.equal(dottedIdentifier(Buffer.from('883703', 'hex')), '2.999.3')
  assert.throws(() => dottedIdentifier(Buffer.from('5504ff', 'hex')), DerError)
  assert.match(dottedIdentifier(oneArc(objectIdentifierBytesMax)), /^2\.\d{200,}$/)
  assert.throws(() => dottedIdentifier(oneArc(objectIdentifierBytesMax + 1)), /too long/)
})
