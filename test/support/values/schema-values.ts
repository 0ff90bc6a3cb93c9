// Values for a schema: everything that a version can say, and nothing else. Round trips choose with fast-check, which
// shrinks what fails; the fuzzer chooses with its own random numbers (fuzz/random.ts), which are ten times as fast.

import * as fc from 'fast-check'
import { wireNames } from '../../../src/wire/kmip/attributes.ts'
import { typeMax } from '../../../src/wire/kmip/schema.ts'
import { versionOf } from '../../../src/wire/kmip/version.ts'
import { encode } from '../../../src/wire/ttlv/encode.ts'
import {
  any,
  isIn,
  type AnyValue,
  type Schema,
  type Shape,
  type Siblings,
  type StructureShape,
} from '../../../src/wire/ttlv/schema.ts'
import { itemTypes, type ItemType } from '../../../src/wire/ttlv/wire.ts'
import { anyCharacter } from './characters.ts'

/** Decides what a schema leaves open. Bounds are inclusive. */
export interface Choices {
  readonly boolean: () => boolean
  readonly whole: (min: number, max: number) => number
  readonly big: (min: bigint, max: bigint) => bigint
  readonly text: (lengthMax: number) => string
  readonly bytes: (lengthMax: number) => Uint8Array
}

/** `fc.gen()` gives `generate`. */
export function fastCheckChoices(generate: fc.GeneratorValue): Choices {
  return {
    boolean: () => generate(fc.boolean),
    whole: (min, max) => generate(fc.integer, { min, max }),
    big: (min, max) => generate(fc.bigInt, { min, max }),
    text: (maxLength) => {
      const unit = generate(fc.boolean) ? anyCharacter : 'binary-ascii'
      return generate(fc.string, { unit, maxLength })
    },
    bytes: (maxLength) => generate(fc.uint8Array, { maxLength }),
  }
}

interface Context {
  readonly choices: Choices
  /** An ordinal. */
  readonly version: number
}

/** A value that `schema` allows in the version (an ordinal). */
export function valueFor(choices: Choices, schema: Schema, version: number): unknown {
  return valueOf({ choices, version }, schema.shape, 0x540000, {}, 0)
}

const repeatsMax = 2
const anyDepthMax = 2

function valueOf(context: Context, shape: Shape, tag: number, siblings: Siblings, depth: number): unknown {
  const { choices, version } = context
  if (isSimple(shape.kind)) return simple[shape.kind](choices)
  switch (shape.kind) {
    case 'Structure':
      return structureOf(context, shape, depth)
    case 'Enumeration': {
      if (shape.names === undefined) return unsigned(choices)
      const names = [...shape.names.byName.values()].filter((name) => isIn(name, version))
      return oneFrom(choices, names).name
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
      if (context.choices.boolean()) value[name] = one()
    } else {
      const least = presence === 'oneOrMore' ? 1 : 0
      const count = context.choices.whole(least, repeatsMax)
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

function attributeName({ choices, version }: Context): string {
  const known = versionOf(version)
  return oneFrom(choices, ['x-Custom', 'y-Server', ...(known === undefined ? [] : wireNames(known))])
}

function oneFrom<T>(choices: Choices, list: readonly T[]): T {
  const one = list[list.length === 0 ? 0 : choices.whole(0, list.length - 1)]
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
    context.choices,
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
  const { choices, version } = context
  const there = types.filter((one) => itemTypes[one] <= typeMax(versionOf(version) ?? '2.1'))
  const shallow = depth < anyDepthMax || there.length === 1
  const type = oneFrom(choices, shallow ? there : there.filter((one) => one !== 'Structure'))
  if (type === 'Enumeration') return { type, value: unsigned(choices) }
  if (type !== 'Structure') return { type, value: simple[type](choices) } as AnyValue
  const count = choices.whole(0, repeatsMax)
  const value = Array.from({ length: count }, () => ({
    tag: 0x540000 + choices.whole(0, 0xffff),
    item: anyOf(context, depth + 1, anyTypes),
  }))
  return { type, value }
}

function rawOf(context: Context, tag: number, depth: number): Buffer {
  return encode(any, anyOf(context, depth, ['Structure']), { tag, version: context.version })
}

type SimpleType = Exclude<ItemType, 'Structure' | 'Enumeration'> | 'Mask'

const unsigned = (choices: Choices) => choices.whole(0, 0xffff_ffff)
const long = (choices: Choices) => choices.big(-(2n ** 63n), 2n ** 63n - 1n)

/** XML has neither control characters nor these two. */
const text = (choices: Choices) => choices.text(12).replaceAll(/[\p{Cc}\uFFFE\uFFFF]/gu, '\t')

const simple: { readonly [Type in SimpleType]: (choices: Choices) => unknown } = {
  Integer: (choices) => choices.whole(-(2 ** 31), 2 ** 31 - 1),
  Mask: unsigned,
  Interval: unsigned,
  LongInteger: long,
  DateTime: long,
  DateTimeExtended: long,
  BigInteger: (choices) => choices.big(-(2n ** 128n), 2n ** 128n),
  Boolean: (choices) => choices.boolean(),
  TextString: text,
  Identifier: text,
  Reference: text,
  NameReference: text,
  ByteString: (choices) => Buffer.from(choices.bytes(20)),
}
