// Arbitrary values for a schema, for property tests: everything that its decoder can give.

import * as fc from 'fast-check'
import type { AnyItem, AnyValue, Schema, Shape } from '../../../src/wire/ttlv/schema.ts'
import { anyCharacter } from './characters.ts'

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array))
/** Text that UTF-8 can carry: no halves of surrogate pairs. */
export const text = fc.string({ unit: anyCharacter, maxLength: 12 })

function typed(type: AnyValue['type'], values: fc.Arbitrary<unknown>): fc.Arbitrary<AnyValue> {
  return values.map((value) => ({ type, value }) as AnyValue)
}

/** A custom attribute's value: any type, structures down to `depth`. */
export function anyValue(depth = 3): fc.Arbitrary<AnyValue> {
  const simple = fc.oneof(
    typed('Integer', int32),
    typed('Enumeration', uint32),
    typed('Interval', uint32),
    typed('LongInteger', int64),
    typed('DateTime', int64),
    typed('DateTimeExtended', int64),
    typed('BigInteger', fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n })),
    typed('Boolean', fc.boolean()),
    typed('TextString', text),
    typed('ByteString', bytes),
  )
  if (depth === 0) return simple
  const item: fc.Arbitrary<AnyItem> = fc.record(
    {
      tag: fc.integer({ min: 0x420001, max: 0x54ffff }),
      item: fc.oneof({ weight: 4, arbitrary: simple }, { weight: 1, arbitrary: anyValue(depth - 1) }),
    },
    { noNullPrototype: true },
  )
  const structure = typed('Structure', fc.array(item, { maxLength: 4 }))
  return fc.oneof({ weight: 5, arbitrary: simple }, { weight: 1, arbitrary: structure })
}

export function valuesOf(schema: Schema): fc.Arbitrary<unknown> {
  return ofShape(schema.shape)
}

function ofShape(shape: Shape): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'Integer':
      return int32
    case 'Mask':
    case 'Interval':
      return uint32
    case 'Enumeration':
      return shape.names === undefined ? uint32 : fc.constantFrom(...shape.names.byName.keys())
    case 'LongInteger':
    case 'DateTime':
    case 'DateTimeExtended':
      return int64
    case 'BigInteger':
      return fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n })
    case 'Boolean':
      return fc.boolean()
    case 'TextString':
    case 'Identifier':
    case 'Reference':
    case 'NameReference':
      return text
    case 'ByteString':
      return bytes
    case 'Any':
      return anyValue()
    case 'Structure':
      return structure(shape.fields)
    case 'OneOf':
      return fc.oneof(...shape.choices.map(valuesOf))
    case 'Raw':
    case 'Dependent':
      break
  }
  throw new Error(`no arbitrary for ${shape.kind}`)
}

function structure(fields: readonly { readonly name: string; readonly schema: Schema }[]) {
  const entries = fields.map(({ name, schema }): [string, fc.Arbitrary<unknown>] => {
    const many = schema.presence === 'repeated' || schema.presence === 'oneOrMore'
    const minLength = schema.presence === 'oneOrMore' ? 1 : 0
    return [name, many ? fc.array(valuesOf(schema), { minLength, maxLength: 3 }) : valuesOf(schema)]
  })
  const always = fields.filter(({ schema }) => schema.presence !== 'optional').map(({ name }) => name)
  return fc.record(Object.fromEntries(entries), { requiredKeys: always, noNullPrototype: true })
}
