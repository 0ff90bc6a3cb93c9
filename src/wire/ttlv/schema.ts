// Schemas: values that describe items. The decoder, the encoder and the static type (`Infer`) all follow from one declaration. A
// schema states four facts: the shape of the item, how often it may occur in its structure, the versions that have it, and (for
// the compiler only) the type of its value. Schemas hold no tags: a structure finds the tag of each field by its name, with the
// function that `structWith` gets. Versions are plain numbers here, and a larger one is newer. decode.ts and encode.ts apply
// schemas to bytes.

import { itemTypes } from './wire.ts'
import type { TextType } from './wire.ts'

/** `Always`: the structure always has the property. `Maybe`: the property can be missing. */
type Always = 'always'
type Maybe = 'maybe'

export type Presence = 'required' | 'optional' | 'repeated' | 'oneOrMore'

declare const inferred: unique symbol
declare const property: unique symbol

export interface Schema<out T = unknown, out P extends Always | Maybe = Always | Maybe> {
  readonly shape: Shape
  readonly presence: Presence
  /** The first and the last version that have the field. */
  readonly since: number
  readonly until: number
  /** For the compiler only; absent at run time. */
  readonly [inferred]?: T
  readonly [property]?: P
}

/** The type that a schema decodes to and encodes from. */
export type Infer<S> = S extends Schema<infer T> ? T : never

/** The schema of a single item, which may stand alone. Once made optional or repeated it can only be a field. */
export type ItemSchema<T = unknown> = Schema<T, Always> & { readonly presence: 'required' }

// ---------------------------------------------------------------- Shapes

/** `type`: the item type on the wire. Undefined if several are possible. */
export type Shape =
  | { readonly kind: SimpleKind; readonly type: number }
  | { readonly kind: 'Enumeration'; readonly type: number; readonly names: EnumerationNames | undefined }
  | StructureShape
  | { readonly kind: 'Any'; readonly type: undefined }
  | { readonly kind: 'Raw'; readonly type: undefined; readonly checked: boolean }
  | { readonly kind: 'OneOf'; readonly type: undefined; readonly choices: readonly Schema[] }
  | { readonly kind: 'Dependent'; readonly type: undefined; readonly choose: Choose }

export interface StructureShape {
  readonly kind: 'Structure'
  readonly type: number
  readonly fields: readonly SchemaField[]
  readonly byTag: ReadonlyMap<number, SchemaField>
  /** The fields that a value always has, in a version that has them. */
  readonly always: readonly SchemaField[]
  /** Whether the fields of a message must stand in this order. The encoder always writes them in this order. */
  readonly ordered: boolean
}

export type SimpleKind =
  | 'Integer'
  | 'LongInteger'
  | 'BigInteger'
  | 'Mask'
  | 'Boolean'
  | TextType
  | 'ByteString'
  | 'DateTime'
  | 'DateTimeExtended'
  | 'Interval'

export interface SchemaField {
  readonly name: string
  readonly tag: number
  /** The field's position in its structure. */
  readonly index: number
  readonly schema: Schema
}

export interface EnumerationNames {
  readonly byCode: ReadonlyMap<number, EnumerationName>
  readonly byName: ReadonlyMap<string, EnumerationName>
}

export interface EnumerationName<Name extends string = string> {
  readonly name: Name
  readonly code: number
  readonly since: number
  readonly until: number
}

/** The sibling fields: the decoder has those that it has read, the encoder has all. */
export type Siblings = Readonly<Record<string, unknown>>
type Choose = (siblings: Siblings, version: number) => Schema

// ---------------------------------------------------------------- Single items

/** 32 bits, signed. */
export const integer: ItemSchema<number> = simple('Integer')
/** 32 bits, one meaning per bit. An Integer on the wire, read as unsigned: 0 to 2^32 - 1. */
export const mask: ItemSchema<number> = simple('Mask')
/** 64 bits, signed. */
export const longInteger: ItemSchema<bigint> = simple('LongInteger')
/** Signed, of any length. */
export const bigInteger: ItemSchema<bigint> = simple('BigInteger')
export const boolean: ItemSchema<boolean> = simple('Boolean')
export const text: ItemSchema<string> = simple('TextString')
export const identifierText: ItemSchema<string> = simple('Identifier')
export const reference: ItemSchema<string> = simple('Reference')
/** Decodes to a view into the input. Copy it to keep it. */
export const bytes: ItemSchema<Uint8Array> = simple('ByteString')
/** Seconds since 1970, signed. */
export const dateTime: ItemSchema<bigint> = simple('DateTime')
/** Microseconds since 1970, signed. */
export const dateTimeExtended: ItemSchema<bigint> = simple('DateTimeExtended')
/** Seconds, 0 to 2^32 - 1. */
export const interval: ItemSchema<number> = simple('Interval')
/** An item of any type, as a tree. Each node names its type. */
export const any: ItemSchema<AnyValue> = required({ kind: 'Any', type: undefined })
/** A whole item with its header, as bytes. It is well formed. A view into the input, like `bytes`. */
export const raw: ItemSchema<Uint8Array> = required({ kind: 'Raw', type: undefined, checked: true })
/** Like `raw`, but its content is not checked, so that a broken item does not fail the structure around it. */
export const unread: ItemSchema<Uint8Array> = required({ kind: 'Raw', type: undefined, checked: false })
/** An enumeration as its number. The caller looks up the name. */
export const enumerationCode: ItemSchema<number> = required({
  kind: 'Enumeration',
  type: itemTypes.Enumeration,
  names: undefined,
})

/** The schema of every item type but structures. */
export const simpleSchemas = {
  Integer: integer,
  LongInteger: longInteger,
  BigInteger: bigInteger,
  Enumeration: enumerationCode,
  Boolean: boolean,
  TextString: text,
  ByteString: bytes,
  DateTime: dateTime,
  Interval: interval,
  DateTimeExtended: dateTimeExtended,
  Identifier: identifierText,
  Reference: reference,
  NameReference: simple<string>('NameReference'),
} as const

export type AnyValue =
  | { readonly type: 'Structure'; readonly value: readonly AnyItem[] }
  | { readonly type: 'Integer' | 'Enumeration' | 'Interval'; readonly value: number }
  | { readonly type: 'LongInteger' | 'BigInteger' | 'DateTime' | 'DateTimeExtended'; readonly value: bigint }
  | { readonly type: 'Boolean'; readonly value: boolean }
  | { readonly type: TextType; readonly value: string }
  | { readonly type: 'ByteString'; readonly value: Uint8Array }

export interface AnyItem {
  readonly tag: number
  readonly item: AnyValue
}

/** An enumeration by names. An optional or repeated field is omitted if the version lacks its value. */
export function enumeration<Name extends string>(values: readonly EnumerationName<Name>[]): ItemSchema<Name> {
  const byCode = new Map(values.map((value) => [value.code, value]))
  const byName = new Map(values.map((value) => [value.name, value]))
  return required({ kind: 'Enumeration', type: itemTypes.Enumeration, names: { byCode, byName } })
}

/** The first schema that fits: by item type when decoding, by the type of the value when encoding. */
export function oneOf<const Choices extends readonly ItemSchema[]>(
  ...choices: Choices
): ItemSchema<Infer<Choices[number]>> {
  return required({ kind: 'OneOf', type: undefined, choices })
}

/** An item whose schema depends on the siblings before it, or on the version. */
export function dependent<T>(choose: (siblings: Siblings, version: number) => ItemSchema<T>): ItemSchema<T> {
  return required({ kind: 'Dependent', type: undefined, choose })
}

// ---------------------------------------------------------------- Structures and their fields

type MaybeKeys<F> = { [K in keyof F]: F[K] extends Schema<unknown, Always> ? never : K }[keyof F]

/** The type that a structure decodes to. Handlers may pass `undefined` for an optional field. The decoder omits the property. */
export type StructValue<F> = Flat<
  { readonly [K in Exclude<keyof F, MaybeKeys<F>>]: Infer<F[K]> } & {
    readonly [K in MaybeKeys<F>]?: Infer<F[K]> | undefined
  }
>
type Flat<T> = { [K in keyof T]: T[K] }

/**
 * Makes `struct` for a vocabulary. `tagOf` finds the tag of a field by its name. `ordered: false`: fields may stand in
 * any order.
 */
export function structWith<Name extends string>(tagOf: (name: Name) => number, { ordered = true } = {}) {
  return function struct<const F extends { readonly [K in Name]?: Schema }>(
    fields: F & { readonly [K in Exclude<keyof F, Name>]: never },
  ): ItemSchema<StructValue<F>> {
    const list = Object.entries(fields as Readonly<Record<Name, Schema>>).map(([name, schema], index) => ({
      name,
      tag: tagOf(name as Name),
      index,
      schema: schema as Schema,
    }))
    return required({ kind: 'Structure', type: itemTypes.Structure, ...withFields(list), ordered })
  }
}

/** The part of a shape that follows from its fields. */
export function withFields(
  fields: readonly SchemaField[],
): Pick<StructureShape, 'fields' | 'byTag' | 'always'> {
  return {
    fields,
    byTag: new Map(fields.map((field) => [field.tag, field])),
    always: fields.filter(({ schema }) => schema.presence !== 'optional'),
  }
}

export function optional<T>(schema: ItemSchema<T>): Schema<T, Maybe> {
  return field(schema, { presence: 'optional' })
}

/** Any number of values, including none. Always an array. */
export function repeated<T>(schema: ItemSchema<T>): Schema<readonly T[], Always> {
  return field(schema, { presence: 'repeated' })
}

export function oneOrMore<T>(schema: ItemSchema<T>): Schema<readonly T[], Always> {
  return field(schema, { presence: 'oneOrMore' })
}

/** A field that this version introduced. Older versions lack it. */
export function since<T>(version: number, schema: Schema<T>): Schema<T, Maybe> {
  return field(schema, { since: version })
}

/** A field that this version was the last to have. */
export function until<T>(version: number, schema: Schema<T>): Schema<T, Maybe> {
  return field(schema, { until: version })
}

export function isIn(range: { readonly since: number; readonly until: number }, version: number): boolean {
  return range.since <= version && version <= range.until
}

type Changes = Partial<Pick<Schema, 'presence' | 'since' | 'until'>>

function field<T, P extends Always | Maybe>(schema: Schema, changes: Changes): Schema<T, P> {
  const { shape, presence, since, until } = schema
  return { shape, presence, since, until, ...changes }
}

function simple<T>(kind: SimpleKind): ItemSchema<T> {
  return required({ kind, type: kind === 'Mask' ? itemTypes.Integer : itemTypes[kind] })
}

function required<T>(shape: Shape): ItemSchema<T> {
  return { shape, presence: 'required', since: 0, until: Infinity }
}
