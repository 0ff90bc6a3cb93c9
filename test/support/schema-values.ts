// Values for a schema, as fast-check generates them: everything that a version can say, and nothing else. For round trips
// and for the fuzzer.

import * as fc from 'fast-check'
import { wireNames } from '../../src/kmip/attributes.ts'
import { versionOf } from '../../src/kmip/version.ts'
import { encode } from '../../src/ttlv/encode.ts'
import {
  any,
  isIn,
  type AnyValue,
  type Schema,
  type Shape,
  type Siblings,
  type StructureShape,
} from '../../src/ttlv/schema.ts'
import { itemTypes, type ItemType } from '../../src/ttlv/wire.ts'

/** `fc.gen()` gives it. */
export type Generate = fc.GeneratorValue

interface Context {
  readonly generate: Generate
  /** An ordinal. */
  readonly version: number
}

/** A value that `schema` allows in the version (an ordinal). */
export function valueFor(generate: Generate, schema: Schema, version: number): unknown {
  return valueOf({ generate, version }, schema.shape, 0x540000, {}, 0)
}

const repeatsMax = 2
const anyDepthMax = 2

function valueOf(context: Context, shape: Shape, tag: number, siblings: Siblings, depth: number): unknown {
  const { generate, version } = context
  if (isSimple(shape.kind)) return simple[shape.kind](generate)
  switch (shape.kind) {
    case 'Structure':
      return structureOf(context, shape, depth)
    case 'Enumeration': {
      if (shape.names === undefined) return unsigned(generate)
      const names = [...shape.names.byName.values()].filter((name) => isIn(name, version))
      return oneFrom(generate, names).name
    }
    case 'Any':
      return anyOf(context, depth, anyTypes)
    case 'Raw':
      return rawOf(context, tag, depth)
    case 'OneOf':
      return oneOf(context, shape.choices, tag, siblings, depth)
    case 'Dependent':
      break
  }
  return valueOf(context, shape.choose(siblings, version).shape, tag, siblings, depth)
}

function isSimple(kind: Shape['kind']): kind is SimpleType {
  return Object.hasOwn(simple, kind)
}

function structureOf(context: Context, shape: StructureShape, depth: number): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  for (const { name, tag, schema } of shape.fields) {
    const { presence } = schema
    const one = () =>
      name === 'AttributeName' && shape.fields.length > 1
        ? attributeName(context)
        : valueOf(context, schema.shape, tag, value, depth + 1)
    if (!isIn(schema, context.version) || !isPossible(schema, context.version)) {
      if (presence === 'repeated') value[name] = []
    } else if (presence === 'required') value[name] = one()
    else if (presence === 'optional') {
      if (context.generate(fc.boolean)) value[name] = one()
    } else {
      const least = presence === 'oneOrMore' ? 1 : 0
      const count = context.generate(fc.integer, { min: least, max: repeatsMax })
      value[name] = Array.from({ length: count }, one)
    }
  }
  return value
}

/** Whether the version has at least one value for it. */
function isPossible({ shape }: Schema, version: number): boolean {
  if (shape.kind !== 'Enumeration' || shape.names === undefined) return true
  return [...shape.names.byName.values()].some((name) => isIn(name, version))
}

function attributeName({ generate, version }: Context): string {
  const known = versionOf(version)
  return oneFrom(generate, ['x-Custom', 'y-Server', ...(known === undefined ? [] : wireNames(known))])
}

function oneFrom<T>(generate: Generate, list: readonly T[]): T {
  const one = list[generate(fc.nat, { max: list.length - 1 })]
  if (one === undefined) throw new Error('there is nothing to choose from')
  return one
}

function oneOf(
  context: Context,
  choices: readonly Schema[],
  tag: number,
  siblings: Siblings,
  depth: number,
): unknown {
  const { shape } = oneFrom(
    context.generate,
    choices.filter((choice) => isPossible(choice, context.version)),
  )
  if (shape.kind !== 'Any') return valueOf(context, shape, tag, siblings, depth)
  const taken = new Set(choices.map((choice) => choice.shape.type))
  return anyOf(
    context,
    depth,
    anyTypes.filter((type) => !taken.has(itemTypes[type])),
  )
}

const anyTypes = Object.keys(itemTypes) as ItemType[]

function anyOf(context: Context, depth: number, types: readonly ItemType[]): AnyValue {
  const { generate } = context
  const shallow = depth < anyDepthMax || types.length === 1
  const type = oneFrom(generate, shallow ? types : types.filter((one) => one !== 'Structure'))
  if (type === 'Enumeration') return { type, value: unsigned(generate) }
  if (type !== 'Structure') return { type, value: simple[type](generate) } as AnyValue
  const count = generate(fc.nat, { max: repeatsMax })
  const value = Array.from({ length: count }, () => ({
    tag: 0x540000 + generate(fc.nat, { max: 0xffff }),
    item: anyOf(context, depth + 1, anyTypes),
  }))
  return { type, value }
}

function rawOf(context: Context, tag: number, depth: number): Buffer {
  return encode(any, anyOf(context, depth, ['Structure']), { tag, version: context.version })
}

type SimpleType = Exclude<ItemType, 'Structure' | 'Enumeration'> | 'Mask'

const unsigned = (generate: Generate) => generate(fc.nat, { max: 0xffff_ffff })
const long = (generate: Generate) => generate(fc.bigInt, { min: -(2n ** 63n), max: 2n ** 63n - 1n })

const simple: { readonly [Type in SimpleType]: (generate: Generate) => unknown } = {
  Integer: (generate) => generate(fc.integer),
  Mask: unsigned,
  Interval: unsigned,
  LongInteger: long,
  DateTime: long,
  DateTimeExtended: long,
  BigInteger: (generate) => generate(fc.bigInt, { min: -(2n ** 128n), max: 2n ** 128n }),
  Boolean: (generate) => generate(fc.boolean),
  // XML has neither control characters nor these two.
  TextString: (generate) => {
    const unit = generate(fc.boolean) ? 'binary' : 'binary-ascii'
    return generate(fc.string, { unit, maxLength: 12 }).replaceAll(/[\p{Cc}\uFFFE\uFFFF]/gu, '\t')
  },
  ByteString: (generate) => Buffer.from(generate(fc.uint8Array, { maxLength: 20 })),
}
