// The fields in which keys are split: FIPS 197's own examples, and the laws of a field.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { gf2to16, gf2to8, primeField, type FiniteField } from '../../../src/core/crypto/finite-field.ts'

test('GF(2^8) is modulo x^8 + x^4 + x^3 + x^2 + 1', () => {
  assert.equal(gf2to8.multiply(0x80, 0x02), 0x1d)
  assert.equal(gf2to8.multiply(0x57, 0x83), 0x31)
  assert.equal(gf2to8.multiply(0x53, gf2to8.invert(0x53)), 1)
})

test('GF(2^16): y times y is y + {3a}, over the field in which FIPS 197 §4.2 multiplies, where {53} and {ca} are inverse', () => {
  assert.equal(gf2to16.multiply(0x0100, 0x0100), 0x013a)
  assert.equal(gf2to16.multiply(0x57, 0x83), 0xc1)
  assert.equal(gf2to16.multiply(0x57, 0x13), 0xfe)
  assert.equal(gf2to16.invert(0x53), 0xca)
})

function holdsTheLaws<E>(field: FiniteField<E>): void {
  const element = fc
    .uint8Array({ minLength: field.bytes, maxLength: field.bytes })
    .map((bytes) => field.read(bytes))
  const { add, subtract, multiply, invert, point, read, write } = field
  const [zero, one] = [point(0), point(1)]
  fc.assert(
    fc.property(element, element, element, (a, b, c) => {
      assert.equal(multiply(a, b), multiply(b, a))
      assert.equal(multiply(multiply(a, b), c), multiply(a, multiply(b, c)))
      assert.equal(multiply(a, add(b, c)), add(multiply(a, b), multiply(a, c)))
      assert.equal(subtract(add(a, b), b), a)
      assert.deepEqual([add(a, zero), multiply(a, one), multiply(a, zero)], [a, a, zero])
      if (a !== zero) assert.equal(multiply(a, invert(a)), one)
      assert.equal(write(a).length, field.bytes)
      assert.equal(read(write(a)), a)
    }),
  )
}

test('the laws of a field hold in GF(2^8)', () => holdsTheLaws(gf2to8))
test('the laws of a field hold in GF(2^16)', () => holdsTheLaws(gf2to16))
test('the laws of a field hold modulo 2^61 - 1, and modulo 65537', () => {
  holdsTheLaws(primeField(2n ** 61n - 1n))
  holdsTheLaws(primeField(65_537n))
})

test('random elements differ, and are in the field', () => {
  for (const field of [gf2to8, gf2to16] as const) {
    const some = new Set(Array.from({ length: 500 }, () => field.random()))
    assert.ok(some.size > 150 && [...some].every((one) => field.read(field.write(one)) === one))
  }
  const field = primeField(65_537n)
  assert.ok(Array.from({ length: 500 }, () => field.random()).every((one) => one >= 0n && one < 65_537n))
})
