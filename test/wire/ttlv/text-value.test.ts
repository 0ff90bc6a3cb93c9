// Values as XML and JSON write them, one by one (KMIP profiles 2.1 §5.5 and §5.6): what each becomes in TTLV, where its bounds
// are, and how it is written again.

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { whole } from '../../../src/base/parts.ts'
import { TtlvError } from '../../../src/wire/ttlv/error.ts'
import { ItemWriter } from '../../../src/wire/ttlv/item-writer.ts'
import type { ValueNames } from '../../../src/wire/ttlv/names.ts'
import {
  dateText,
  enumerationText,
  hexText,
  isDigitsType,
  maskText,
  readDigits,
  readValue,
  type DigitsValue,
  type TextValue,
} from '../../../src/wire/ttlv/text-value.ts'

type Type = TextValue['type'] | DigitsValue['type']

const colours: ValueNames = {
  codeOf: (name) => ({ Red: 1, Green: 2, P256: 16, Sign: -0x80000000 })[name],
  nameOf: (code) => ({ 1: 'Red', 2: 'Green', [-0x80000000]: 'Sign' })[code],
}
const bits: ValueNames = { ...colours, bits: [1, 2, 4, -0x80000000] }

/** The bytes of the value, in hexadecimal digits. The text lies in the midst of others, as in a message. */
function valueOf(type: Type, text: string, names?: ValueNames): string {
  const writer = new ItemWriter()
  const from = Buffer.from(`<<${text}>>`, 'latin1')
  const value = { tag: 0x420001, from, start: 2, end: from.length - 2 }
  if (isDigitsType(type)) whole(readDigits(writer, { ...value, type }))
  else readValue(writer, { ...value, type, names })
  const length = writer.bytes.readUInt32BE(4)
  return writer.bytes.subarray(8, 8 + length).toString('hex')
}

const rows: readonly (readonly [Type, string, string, ValueNames?])[] = [
  ['Integer', '2147483647', '7fffffff'],
  ['Integer', '-2147483648', '80000000'],
  ['Integer', '+7', '00000007'],
  ['Integer', '0x80000000', '80000000'],
  ['Integer', '0xffffffff', 'ffffffff'],
  ['Integer', '0x7', '00000007'],
  ['Integer', 'Red Green', '00000003', bits],
  ['Integer', 'Red|Green', '00000003', bits],
  ['Integer', ' Red | 0x4 ', '00000005', bits],
  ['Integer', 'Red Sign', '80000001', bits],
  ['Integer', 'Red P256', '00000011', bits],
  ['Integer', '-2147483648 Red', '80000001', bits],
  ['Integer', 'Red 4294967295', 'ffffffff', bits],
  ['Integer', '', '00000000', bits],
  ['Interval', '4294967295', 'ffffffff'],
  ['Interval', '0', '00000000'],
  ['Enumeration', 'Green', '00000002', colours],
  ['Enumeration', 'P256', '00000010', colours],
  ['Enumeration', '0x8000000A', '8000000a'],
  ['Enumeration', '4294967295', 'ffffffff'],
  ['LongInteger', '9223372036854775807', '7fffffffffffffff'],
  ['LongInteger', '-9223372036854775808', '8000000000000000'],
  ['LongInteger', '0xffffffffffffffff', 'ffffffffffffffff'],
  ['Boolean', 'true', '0000000000000001'],
  ['Boolean', '1', '0000000000000001'],
  ['Boolean', '0x0000000000000001', '0000000000000001'],
  ['Boolean', 'false', '0000000000000000'],
  ['Boolean', '0', '0000000000000000'],
  ['Boolean', '0x0000000000000000', '0000000000000000'],
  ['DateTime', '1970-01-01T00:00:01Z', '0000000000000001'],
  ['DateTime', '1970-01-01T00:00:01.999Z', '0000000000000001'],
  ['DateTime', '1970-01-01T01:00:00+01:00', '0000000000000000'],
  ['DateTime', '1969-12-31T23:30:00-0030', '0000000000000000'],
  ['DateTime', '1970-01-01T14:00:00+14:00', '0000000000000000'],
  ['DateTime', '1970-01-01T00:59:00+00:59', '0000000000000000'],
  ['DateTime', '-1', 'ffffffffffffffff'],
  ['DateTime', '0x0000000000000010', '0000000000000010'],
  ['DateTimeExtended', '1970-01-01T00:00:01.5Z', '000000000016e360'],
  ['DateTimeExtended', '1970-01-01T00:00:00.123456789Z', '000000000001e240'],
  ['DateTimeExtended', '17', '0000000000000011'],
  ['ByteString', '', ''],
  ['ByteString', '00fFaB', '00ffab'],
  ['BigInteger', '01', '0000000000000001'],
  ['BigInteger', '0x7f', '000000000000007f'],
  ['BigInteger', '80', 'ffffffffffffff80'],
  ['BigInteger', '008000000000000000', '00000000000000008000000000000000'],
]

suite('a value is read', () => {
  for (const [type, text, bytes, names] of rows)
    test(`${type} ${JSON.stringify(text)}`, () => assert.equal(valueOf(type, text, names), bytes))
})

const wrong: readonly (readonly [Type, string, RegExp, ValueNames?])[] = [
  ['Integer', '2147483648', /is not between -2147483648 and 2147483647/],
  ['Integer', '-2147483649', /is not between/],
  ['Integer', '0x100000000', /more than 8 hexadecimal digits/],
  ['Integer', '1.5', /is not a whole number/],
  ['Integer', '10x1', /is not a whole number/],
  ['Integer', '0x1g', /is not a whole number/],
  ['Integer', '', /is not a whole number/],
  ['Integer', '123456789012345678901', /is not a whole number/],
  ['Integer', 'Red', /is not a whole number/, colours],
  ['Integer', 'Red Blue', /bit that no version of KMIP names/, bits],
  ['Integer', '4294967296', /is not between/, bits],
  ['Interval', '-1', /is not between 0/],
  ['Enumeration', 'Blue', /no version of KMIP names: write its number/, colours],
  ['Enumeration', 'Red', /no version of KMIP names/],
  ['Enumeration', '4294967296', /is not between/],
  ['LongInteger', '9223372036854775808', /is not between/],
  ['LongInteger', '0x10000000000000000', /more than 16 hexadecimal digits/],
  ['LongInteger', '1'.padStart(2_049, '0'), /is too long/],
  ['Boolean', 'TRUE', /neither true nor false/],
  ['Boolean', '0x1', /neither true nor false/],
  ['DateTime', '2026-02-30T00:00:00Z', /is not a moment/],
  ['DateTime', '2026-03-01T24:00:01Z', /is not a moment/],
  ['DateTime', '2026-03-01T12:00:00', /is not a moment with its time zone/],
  ['DateTime', '2026-03-01T12:00:00+14:01', /is not a moment/],
  ['DateTime', '2026-03-01T12:00:00+01:60', /is not a moment/],
  ['DateTime', 'x2026-03-01T12:00:00Z', /is not a moment/],
  ['ByteString', '0', /odd number of hexadecimal digits/],
  ['ByteString', '0g', /something other than hexadecimal digits/],
  ['BigInteger', '', /has no digits/],
  ['BigInteger', '0x', /has no digits/],
  ['BigInteger', '0x1', /odd number/],
  ['BigInteger', '1x00', /something other than hexadecimal digits/],
]

suite('a value is refused', () => {
  for (const [type, text, says, names] of wrong)
    test(`${type} ${JSON.stringify(text.slice(0, 30))}`, () => {
      assert.throws(
        () => valueOf(type, text, names),
        (error) => {
          assert(error instanceof TtlvError)
          assert.equal(error.code, says.source.includes('KMIP names') ? 'unknown-value' : 'malformed')
          assert.match(error.message, says)
          return true
        },
      )
    })
})

test('a value of 2,048 characters is read, and one of 2,049 is not', () => {
  assert.throws(() => valueOf('Boolean', ' '.repeat(2_049)), /is too long/)
  assert.throws(() => valueOf('Boolean', ' '.repeat(2_048)), /neither true nor false/)
})

test('numbers, masks and moments are written with names where they have one', () => {
  assert.equal(hexText(-1n, 32), '0xffffffff')
  assert.equal(hexText(5n, 64), '0x0000000000000005')
  assert.equal(enumerationText(2, colours), 'Green')
  assert.equal(enumerationText(9, colours), '0x00000009')
  assert.equal(enumerationText(-0x80000000, undefined), '0x80000000')
  assert.equal(maskText(3, bits, ' '), 'Red Green')
  assert.equal(maskText(-0x80000000 | 2, bits, '|'), 'Green|Sign')
  assert.equal(
    maskText(2 | 4 | 8, bits, ' '),
    'Green 0x0000000c',
    'a bit without a name, and one that is none',
  )
  assert.equal(maskText(0, bits, ' '), '')
  assert.equal(dateText(0n), '1970-01-01T00:00:00+00:00')
  const [first, last] = [-62135596800n, 253402300799n]
  assert.equal(dateText(first), '0001-01-01T00:00:00+00:00')
  assert.equal(dateText(first - 1n), hexText(first - 1n, 64))
  assert.equal(dateText(last), '9999-12-31T23:59:59+00:00')
  assert.equal(dateText(last + 1n), hexText(last + 1n, 64))
})
