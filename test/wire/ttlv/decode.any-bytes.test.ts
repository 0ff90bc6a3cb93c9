// Any bytes cause only TtlvError, whatever the schema; and every encoded value decodes to the same value.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { struct, unordered } from '../../../src/wire/kmip/schema.ts'
import { decode } from '../../../src/wire/ttlv/decode.ts'
import { encode } from '../../../src/wire/ttlv/encode.ts'
import { TtlvError } from '../../../src/wire/ttlv/error.ts'
import {
  any,
  bytes,
  integer,
  oneOf,
  optional,
  raw,
  repeated,
  text,
  unread,
  type ItemSchema,
} from '../../../src/wire/ttlv/schema.ts'
import { anyValue } from '../../support/values/values.ts'

const tag = 0x420001
const version = 104

/** Bytes that look like items, so that the noise gets past the first header. */
const item = fc
  .record({
    tag: fc.constantFrom(tag, 0x420094, 0x420008, 0x4200c2, 0x540001),
    type: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 11 }) }, fc.nat(255)),
    value: fc.uint8Array({ maxLength: 24 }),
    length: fc.option(fc.oneof(fc.nat(32), fc.nat(0xffffffff)), { nil: undefined }),
    padding: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.nat(255)),
  })
  .map(({ tag, type, value, length, padding }) => {
    const header = Buffer.alloc(8)
    header.writeUInt32BE(tag * 256 + type)
    header.writeUInt32BE(length ?? value.length, 4)
    return Buffer.concat([header, value, Buffer.alloc((8 - (value.length % 8)) % 8, padding)])
  })

function within(items: readonly Buffer[]): Buffer {
  const inside = Buffer.concat(items)
  const header = Buffer.alloc(8)
  header.writeUInt32BE(tag * 256 + 1)
  header.writeUInt32BE(inside.length, 4)
  return Buffer.concat([header, inside])
}

const noise = fc.oneof(
  fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array)),
  item,
  fc.array(fc.oneof(item, fc.array(item, { maxLength: 3 }).map(within)), { maxLength: 5 }).map(within),
)

const fields = {
  UniqueIdentifier: optional(text),
  Attribute: repeated(any),
  Data: optional(oneOf(bytes, integer)),
}
const schemas: readonly ItemSchema[] = [any, raw, unread, text, struct(fields), unordered(fields)]

test('only TtlvError comes out of any bytes', () => {
  fc.assert(
    fc.property(noise, fc.constantFrom(...schemas), fc.boolean(), (bytes, schema, ignore) => {
      try {
        decode(schema, bytes, { tag, version, unknownFields: ignore ? 'ignore' : 'refuse' })
      } catch (error) {
        assert.ok(error instanceof TtlvError, String(error))
        assert.ok(error.offset >= 0 && error.offset <= bytes.length)
      }
    }),
    { numRuns: 5_000 },
  )
})

test('whatever can be decoded is the only encoding of its value', () => {
  let decoded = 0
  fc.assert(
    fc.property(noise, (bytes) => {
      try {
        const value = decode(any, bytes, { tag, version })
        decoded++
        // A big integer may be written longer than necessary.
        const again = encode(any, value, { tag, version })
        assert.deepEqual(decode(any, again, { tag, version }), value)
        if (!JSON.stringify(value, bigintAsText).includes('BigInteger')) assert.deepEqual(again, bytes)
      } catch (error) {
        assert.ok(error instanceof TtlvError, String(error))
      }
    }),
    { numRuns: 5_000 },
  )
  assert.ok(decoded > 100, 'the noise is never TTLV, so this proves nothing')
})

test('every value comes back as it was', () => {
  fc.assert(
    fc.property(anyValue(), (value) => {
      assert.deepEqual(decode(any, encode(any, value, { tag, version }), { tag, version }), value)
    }),
    { numRuns: 2_000 },
  )
})

function bigintAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
