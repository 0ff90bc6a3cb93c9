// The layout of an item: its types, its padding, and which lengths each type can have (KMIP 1.4 §9.1.1).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { itemTypeNames, itemTypes, lengthFits, paddedBytes } from '../../../src/wire/ttlv/wire.ts'

test('values are padded to the next multiple of eight', () => {
  for (const [length, padded] of [
    [0, 0],
    [1, 8],
    [7, 8],
    [8, 8],
    [9, 16],
    [16, 16],
  ] as const)
    assert.equal(paddedBytes(length), padded)
})

test('each type has its lengths', () => {
  const lengths = [0, 1, 4, 7, 8, 9, 12, 16, 24]
  const expected: Readonly<Record<keyof typeof itemTypes, readonly number[]>> = {
    Structure: [0, 8, 16, 24],
    Integer: [4],
    LongInteger: [8],
    BigInteger: [8, 16, 24],
    Enumeration: [4],
    Boolean: [8],
    TextString: lengths,
    ByteString: lengths,
    DateTime: [8],
    Interval: [4],
    DateTimeExtended: [8],
    Identifier: lengths,
    Reference: lengths,
    NameReference: lengths,
  }
  for (const [name, code] of Object.entries(itemTypes)) {
    const fitting = lengths.filter((length) => lengthFits(code, length))
    assert.deepEqual(fitting, expected[name as keyof typeof itemTypes], name)
  }
})

test('each number of a type has its name, and no other number has one', () => {
  for (const [name, code] of Object.entries(itemTypes)) assert.equal(itemTypeNames[code], name)
  assert.equal(itemTypeNames[0], undefined)
  assert.equal(itemTypeNames.length, 15)
})
