// The meaning of each schema combinator, in both directions.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../../src/wire/ttlv/decode.ts'
import { encode } from '../../../src/wire/ttlv/encode.ts'
import { TtlvError, type TtlvErrorCode } from '../../../src/wire/ttlv/error.ts'
import {
  any,
  bigInteger,
  boolean,
  bytes,
  dependent,
  enumeration,
  enumerationCode,
  integer,
  interval,
  longInteger,
  mask,
  oneOf,
  oneOrMore,
  optional,
  raw,
  repeated,
  since,
  structWith,
  text,
  unread,
  until,
  type AnyValue,
  type ItemSchema,
} from '../../../src/wire/ttlv/schema.ts'
import { itemTypes } from '../../../src/wire/ttlv/wire.ts'

const tagOf = (name: string) => 0x420000 + (name.codePointAt(0) ?? 0)
const struct = structWith(tagOf)
const unordered = structWith(tagOf, { ordered: false })
const tag = 0x420001

const write = <T>(schema: ItemSchema<T>, value: T, version = 1) => encode(schema, value, { tag, version })
const read = <T>(schema: ItemSchema<T>, bytes: Uint8Array, version = 1, more = {}) =>
  decode(schema, bytes, { tag, version, ...more })

const colour = enumeration([
  { name: 'Red', code: 1, since: 1, until: 2 },
  { name: 'Blue', code: 2, since: 2, until: Infinity },
])

function refused(code: TtlvErrorCode, path = '') {
  return (error: unknown) => error instanceof TtlvError && error.code === code && error.path === path
}

/** A structure with these fields. Each is an Integer 1 under the tag of its letter. */
function written(letters: string): Buffer {
  const items = Array.from(letters, (letter) => ({
    tag: tagOf(letter),
    item: { type: 'Integer', value: 1 } as const,
  }))
  return write(any, { type: 'Structure', value: items })
}

test('required, optional, repeated, one or more', () => {
  const schema = struct({ a: integer, b: optional(integer), c: repeated(integer), d: oneOrMore(integer) })
  assert.deepEqual(read(schema, written('ad')), { a: 1, c: [], d: [1] })
  assert.deepEqual(read(schema, written('abccdd')), { a: 1, b: 1, c: [1, 1], d: [1, 1] })
  assert.throws(() => read(schema, written('d')), refused('missing-field'))
  assert.throws(() => read(schema, written('a')), refused('missing-field'))
  assert.throws(() => read(schema, written('aad')), refused('repeated-field', 'a'))
  assert.throws(() => read(schema, written('abad')), refused('repeated-field', 'a'))
  assert.throws(() => read(schema, written('adb')), refused('malformed'))
  assert.throws(() => read(schema, written('adz')), refused('unknown-field'))
  assert.deepEqual(read(schema, written('azd'), 1, { unknownFields: 'ignore' }), { a: 1, c: [], d: [1] })
  assert.deepEqual(write(schema, { a: 1, b: undefined, c: [], d: [1] }), written('ad'))
  assert.throws(() => write(schema, { a: 1, c: [], d: [] }), /expected one value at least/)
})

test('unordered fields come in any order, still once each', () => {
  const schema = unordered({ a: integer, b: optional(integer), c: repeated(integer) })
  assert.deepEqual(read(schema, written('cbac')), { a: 1, b: 1, c: [1, 1] })
  assert.throws(() => read(schema, written('bab')), refused('repeated-field', 'b'))
  assert.deepEqual(write(schema, { c: [1], b: 1, a: 1 }), written('abc'))
})

test('since and until: required if the version has the field, never written otherwise', () => {
  const schema = struct({ a: since(2, integer), b: until(1, integer), c: since(3, optional(integer)) })
  assert.deepEqual(read(schema, written('b'), 1), { b: 1 })
  assert.deepEqual(read(schema, written('a'), 2), { a: 1 })
  assert.throws(() => read(schema, written(''), 2), refused('missing-field'))
  assert.throws(() => read(schema, written('ab'), 1), refused('unknown-field'))
  assert.throws(() => read(schema, written('ab'), 2), refused('unknown-field'))
  assert.deepEqual(read(schema, written('abc'), 1, { newest: 3 }), { a: 1, b: 1, c: 1 })
  const all = { a: 1, b: 1, c: 1 }
  assert.deepEqual(write(schema, all, 1), written('b'))
  assert.deepEqual(write(schema, all, 2), written('a'))
  assert.deepEqual(write(schema, all, 3), written('ac'))
  assert.throws(() => write(schema, {}, 2), TypeError)
})

test('an enumeration by names; what a version lacks is left out or refused', () => {
  const schema = struct({ a: optional(colour), b: repeated(colour) })
  assert.deepEqual(read(colour, write(colour, 'Red')), 'Red')
  assert.throws(() => read(colour, write(any, { type: 'Enumeration', value: 9 })), refused('unknown-value'))
  assert.throws(() => read(colour, write(colour, 'Blue', 2), 1), refused('unknown-value'))
  assert.equal(read(colour, write(colour, 'Blue', 2), 1, { newest: 2 }), 'Blue')
  assert.deepEqual(read(schema, write(schema, { a: 'Blue', b: ['Red', 'Blue'] }, 1), 1), { b: ['Red'] })
  assert.deepEqual(read(schema, write(schema, { a: 'Red', b: ['Red', 'Blue'] }, 3), 3), { b: ['Blue'] })
  const needed = struct({ a: colour })
  assert.throws(() => write(needed, { a: 'Blue' }, 1), TypeError)
})

test('one of several: by item type, and by the kind of value', () => {
  const schema = oneOf(text, integer, struct({ a: integer }), bytes, any)
  const values = ['t', 7, { a: 1 }, Buffer.from('b'), { type: 'Boolean', value: true }] as const
  for (const value of values) assert.deepEqual(read(schema, write(schema, value)), value)
  assert.throws(() => read(oneOf(text, integer), write(bytes, Buffer.from('b'))), refused('wrong-type'))
})

const typeOf = (schema: ItemSchema, value: unknown) => write(schema, value)[3]

test('one of several: each kind of value finds its choice, and one that no choice holds is a bug', () => {
  const all = oneOf(colour, integer, bigInteger, boolean, text, bytes, struct({ a: integer }), any)
  assert.equal(typeOf(all, 'Red'), itemTypes.Enumeration)
  assert.equal(typeOf(all, 'no colour'), itemTypes.TextString)
  assert.equal(typeOf(all, 5), itemTypes.Integer)
  assert.equal(typeOf(all, 5n), itemTypes.BigInteger)
  assert.equal(typeOf(all, true), itemTypes.Boolean)
  assert.equal(typeOf(all, Buffer.from('b')), itemTypes.ByteString)
  assert.equal(typeOf(all, { a: 1 }), itemTypes.Structure)
  assert.equal(typeOf(all, { type: 'Interval', value: 1 }), itemTypes.Interval)
  assert.equal(typeOf(oneOf(text, enumerationCode), 5), itemTypes.Enumeration)
  const last = oneOf(any, struct({ a: integer }), text, integer)
  assert.equal(typeOf(last, { a: 1 }), itemTypes.Structure)
  assert.equal(typeOf(last, 'x'), itemTypes.TextString)
  assert.equal(typeOf(last, 5), itemTypes.Integer)
  assert.throws(() => typeOf(last, null), /expected one of its choices/)
  assert.equal(typeOf(oneOf(text, oneOf(integer, boolean)), true), itemTypes.Boolean)
  for (const value of ['text', 5n, Buffer.from('b'), null, undefined])
    assert.throws(
      () => write(oneOf(enumerationCode, boolean, struct({ a: integer }), any), value as never),
      TypeError,
    )
  for (const value of ['text', 5, null, undefined])
    assert.throws(() => write(struct({ a: optional(integer) }), value as never), TypeError)
})

test('dependent: from what stands before, or from the version', () => {
  const schema = struct({ a: integer, b: dependent<unknown>(({ a }) => (a === 1 ? text : integer)) })
  assert.deepEqual(read(schema, write(schema, { a: 1, b: 'x' })), { a: 1, b: 'x' })
  assert.deepEqual(read(schema, write(schema, { a: 2, b: 3 })), { a: 2, b: 3 })
  assert.throws(() => read(schema, written('ab')), refused('wrong-type', 'b'))
  const changed = dependent<unknown>((_, version) => (version < 2 ? text : integer))
  assert.equal(read(changed, write(changed, 'x', 1), 1), 'x')
  assert.equal(read(changed, write(changed, 5, 2), 2), 5)
})

test('raw is checked all the way down, unread is not', () => {
  const broken = Buffer.from(
    '42000101 00000018 42006101 00000010 42006202 00000004 00000001 000000ff'.replaceAll(' ', ''),
    'hex',
  )
  const whole = struct({ a: raw })
  assert.throws(() => read(whole, broken), refused('malformed', 'a'))
  const loose = struct({ a: unread })
  assert.deepEqual(read(loose, broken), { a: broken.subarray(8) })
  assert.deepEqual(write(loose, { a: broken.subarray(8) }), broken)
  assert.throws(() => write(loose, { a: broken }), /its own tag/)
  assert.throws(() => write(loose, { a: broken.subarray(8, 11) }), /its own tag/)
  const empty = { a: Buffer.from('4200610100000000', 'hex') }
  assert.deepEqual(read(loose, write(loose, empty)), empty)
})

test('depth, items and bytes are bounded', () => {
  const nested = (depth: number): AnyValue =>
    depth === 0
      ? { type: 'Integer', value: 1 }
      : { type: 'Structure', value: [{ tag, item: nested(depth - 1) }] }
  for (const schema of [any, raw] as readonly ItemSchema[]) {
    const deep = write(any, nested(5))
    read(schema, deep, 1, { depthMax: 5, itemsMax: 6, bytesMax: deep.length })
    assert.throws(() => read(schema, deep, 1, { depthMax: 4 }), refused('too-deep'))
    assert.throws(() => read(schema, deep, 1, { itemsMax: 5 }), refused('too-many'))
    assert.throws(() => read(schema, deep, 1, { bytesMax: deep.length - 1 }), refused('too-large'))
    const bottomless = write(any, nested(4_000))
    assert.throws(() => read(schema, bottomless), refused('too-deep'))
  }
  const ignored = struct({ a: optional(integer) })
  const ignore = { unknownFields: 'ignore', depthMax: 5 }
  assert.deepEqual(read(ignored, write(any, nested(5)), 1, ignore), {})
  assert.throws(() => read(ignored, write(any, nested(6)), 1, ignore), refused('too-deep'))
  const deep = write(any, nested(20))
  assert.throws(() => read(ignored, deep, 1, { unknownFields: 'ignore' }), refused('too-deep'))
})

test('the depth of structures inside structures is bounded too', () => {
  const schema = struct({ a: struct({ b: struct({ c: integer }) }) })
  const value = { a: { b: { c: 1 } } }
  assert.deepEqual(read(schema, write(schema, value), 1, { depthMax: 3 }), value)
  assert.throws(() => read(schema, write(schema, value), 1, { depthMax: 2 }), refused('too-deep', 'a.b'))
})

test('a missing field is reported where its structure begins', () => {
  const schema = struct({ a: struct({ b: integer }) })
  const bytes = write(struct({ a: struct({}) }), { a: {} })
  assert.throws(
    () => read(schema, bytes),
    (error) => error instanceof TtlvError && error.code === 'missing-field' && error.offset === 8,
  )
})

test('text may have the character that stands for broken bytes, but no broken bytes', () => {
  const bytes = write(text, 'a\uFFFD')
  assert.equal(read(text, bytes), 'a\uFFFD')
  bytes[8] = 0xff
  assert.throws(() => read(text, bytes), refused('malformed'))
})

test('the tag must be the requested one', () => {
  const other = encode(integer, 1, { tag: tag + 1, version: 1 })
  assert.throws(() => read(integer, other), refused('wrong-tag'))
})

test('values that do not fit are our own bugs', () => {
  assert.throws(() => write(integer, 2 ** 31), TypeError)
  assert.throws(() => write(integer, 1.5), TypeError)
  assert.throws(() => write(interval, -1), TypeError)
  assert.throws(() => write(mask, 2 ** 32), TypeError)
  assert.equal(read(mask, write(mask, 2 ** 32 - 1)), 2 ** 32 - 1)
  assert.throws(() => write(any, { type: 'LongInteger', value: 2n ** 63n }), TypeError)
  assert.throws(() => write(text, Buffer.from('x') as unknown as string), TypeError)
  const inside = struct({ a: struct({ b: integer }) })
  assert.throws(() => write(inside, { a: { b: 0.5 } }), /encode a\.b: /)
  for (const schema of [integer, longInteger, bigInteger, boolean, text, bytes, raw, colour, inside])
    for (const value of [null, Symbol('other')])
      assert.throws(() => write<unknown>(schema, value), {
        name: 'TypeError',
        message: /^encode .*: expected /,
      })
  assert.throws(() => write<unknown>(bytes, 'text'), /expected bytes/)
  assert.throws(() => write<unknown>(boolean, 1), /expected a boolean/)
  assert.throws(() => write<unknown>(struct({ a: any }), {}), /encode a: expected /)
})

// KMIP 1.4 §9.1.1.4: two's complement, sign-extended to the fewest multiples of eight bytes.
test('a Big Integer takes as many times eight bytes as it needs with its sign', () => {
  const edge = 2n ** 63n
  for (const [value, hex] of [
    [0n, '0000000000000000'],
    [-1n, 'ffffffffffffffff'],
    [edge - 1n, '7fffffffffffffff'],
    [-edge, '8000000000000000'],
    [edge, '00000000000000008000000000000000'],
    [-edge - 1n, 'ffffffffffffffff7fffffffffffffff'],
  ] as const) {
    const item = write(any, { type: 'BigInteger', value })
    assert.equal(item.subarray(8).toString('hex'), hex)
    assert.deepEqual(read(any, item), { type: 'BigInteger', value })
  }
})

test('an item may be of any size, wherever the room that was there at first ends', () => {
  const schema = struct({ a: bytes, b: repeated(integer) })
  for (const length of [...Array.from({ length: 16 }, (_, n) => 400 + 8 * n), 2_000]) {
    const value = { a: Buffer.alloc(length, 7), b: Array.from({ length: 12 }, (_, n) => n) }
    assert.deepEqual(read(schema, write(schema, value)), value)
  }
})

test('an optional number of an enumeration without names may be absent', () => {
  const schema = struct({ a: optional(enumerationCode), b: repeated(enumerationCode) })
  for (const value of [{ b: [] }, { a: 7, b: [1, 2] }])
    assert.deepEqual(read(schema, write(schema, value)), value)
})

test('byte strings are views: no copy of key material remains', () => {
  const source = write(bytes, Buffer.from('key material'))
  const value = read(bytes, source)
  source.fill(0)
  assert.deepEqual(Buffer.from(value), Buffer.alloc(12))
})
