// Schemas: what an item may hold, as a value. From one declaration come the decoder, the encoder and the static
// type (`Infer`). A schema says four things: the shape of the item, how often it may stand in its structure, the
// versions that have it, and, for the compiler only, the type of its value. Schemas hold no tags: a structure
// finds the tag of each field by its name, through the function that `structWith` is given.
// Versions are plain numbers here, larger is newer. How schemas are read and written is in decode and encode.

import { itemTypes } from './wire.ts'

/** `Always`: the property is there whenever the structure is; `Maybe`: it can be missing. */
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
  /** For the compiler only; never there. */
  readonly [inferred]?: T
  readonly [property]?: P
}

/** The type of what a schema decodes to and encodes from. */
export type Infer<S> = S extends Schema<infer T> ? T : never

/** Schemas of a single item, which may stand alone; made optional or repeated they are fields only. */
export type ItemSchema<T = unknown> = Schema<T, Always> & { readonly presence: 'required' }

// ---------------------------------------------------------------- Shapes

/** `type` is the item type on the wire; undefined where several are possible. */
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
  readonly fields: readonly Field[]
  readonly byTag: ReadonlyMap<number, Field>
  /** Whether fields must stand in this order; when written they always do. */
  readonly ordered: boolean
}

export type SimpleKind =
  | 'Integer'
  | 'LongInteger'
  | 'BigInteger'
  | 'Mask'
  | 'Boolean'
  | 'TextString'
  | 'ByteString'
  | 'DateTime'
  | 'DateTimeExtended'
  | 'Interval'

export interface Field {
  readonly name: string
  readonly tag: number
  /** Its place among the fields of its structure. */
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

/** The fields of the structure that were read before (when decoding) or all of them (when encoding). */
export type Siblings = Readonly<Record<string, unknown>>
type Choose = (siblings: Siblings, version: number) => Schema

// ---------------------------------------------------------------- Single items

/** 32 bits, signed. */
export const integer: ItemSchema<number> = simple('Integer')
/** 32 bits, each with a meaning of its own; an Integer on the wire, never negative here. */
export const mask: ItemSchema<number> = simple('Mask')
/** 64 bits, signed. */
export const longInteger: ItemSchema<bigint> = simple('LongInteger')
/** Signed, of any length. */
export const bigInteger: ItemSchema<bigint> = simple('BigInteger')
export const boolean: ItemSchema<boolean> = simple('Boolean')
export const text: ItemSchema<string> = simple('TextString')
/** What is decoded is a view into the bytes that were read: whoever keeps it copies it. */
export const bytes: ItemSchema<Uint8Array> = simple('ByteString')
/** Seconds since 1970, signed. */
export const dateTime: ItemSchema<bigint> = simple('DateTime')
/** Microseconds since 1970, signed. */
export const dateTimeExtended: ItemSchema<bigint> = simple('DateTimeExtended')
/** Seconds, 0 to 2^32 - 1. */
export const interval: ItemSchema<number> = simple('Interval')
/** An item of any type, as a tree that says of each item what it is. */
export const any: ItemSchema<AnyValue> = required({ kind: 'Any', type: undefined })
/** A whole item with its header, kept as bytes; known to be well formed, decoded later or never. A view, as `bytes`. */
export const raw: ItemSchema<Uint8Array> = required({ kind: 'Raw', type: undefined, checked: true })
/** As `raw`, but what is inside was not looked at: for what may be broken without breaking what is around it. */
export const unread: ItemSchema<Uint8Array> = required({ kind: 'Raw', type: undefined, checked: false })
/** An enumeration whose names are looked up elsewhere: its number. */
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
} as const

export type AnyValue =
  | { readonly type: 'Structure'; readonly value: readonly AnyItem[] }
  | { readonly type: 'Integer' | 'Enumeration' | 'Interval'; readonly value: number }
  | { readonly type: 'LongInteger' | 'BigInteger' | 'DateTime' | 'DateTimeExtended'; readonly value: bigint }
  | { readonly type: 'Boolean'; readonly value: boolean }
  | { readonly type: 'TextString'; readonly value: string }
  | { readonly type: 'ByteString'; readonly value: Uint8Array }

export interface AnyItem {
  readonly tag: number
  readonly item: AnyValue
}

/** An enumeration by names. Where a version lacks a value, an optional or repeated field with it is left out. */
export function enumeration<Name extends string>(values: readonly EnumerationName<Name>[]): ItemSchema<Name> {
  const byCode = new Map(values.map((value) => [value.code, value]))
  const byName = new Map(values.map((value) => [value.name, value]))
  return required({ kind: 'Enumeration', type: itemTypes.Enumeration, names: { byCode, byName } })
}

/** The first choice that fits: by item type when decoding, by the type of the value when encoding. */
export function oneOf<const Choices extends readonly ItemSchema[]>(
  ...choices: Choices
): ItemSchema<Infer<Choices[number]>> {
  return required({ kind: 'OneOf', type: undefined, choices })
}

/** An item whose schema follows from its siblings, which must stand before it, or from the version. */
export function dependent<T>(choose: (siblings: Siblings, version: number) => ItemSchema<T>): ItemSchema<T> {
  return required({ kind: 'Dependent', type: undefined, choose })
}

// ---------------------------------------------------------------- Structures and their fields

type MaybeKeys<F> = { [K in keyof F]: F[K] extends Schema<unknown, Always> ? never : K }[keyof F]

/** What a structure decodes to. Handlers may give `undefined` for what can be missing; decoding leaves it out. */
export type StructValue<F> = Flat<
  { readonly [K in Exclude<keyof F, MaybeKeys<F>>]: Infer<F[K]> } & {
    readonly [K in MaybeKeys<F>]?: Infer<F[K]> | undefined
  }
>
type Flat<T> = { [K in keyof T]: T[K] }

/** Makes `struct` for a vocabulary: `tagOf` gives the tag of a field by its name. Fields come in any order if not `ordered`. */
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
    return required({
      kind: 'Structure',
      type: itemTypes.Structure,
      fields: list,
      byTag: new Map(list.map((field) => [field.tag, field])),
      ordered,
    })
  }
}

export function optional<T>(schema: ItemSchema<T>): Schema<T, Maybe> {
  return field(schema, { presence: 'optional' })
}

/** Any number of times, none included: always an array. */
export function repeated<T>(schema: ItemSchema<T>): Schema<readonly T[], Always> {
  return field(schema, { presence: 'repeated' })
}

export function oneOrMore<T>(schema: ItemSchema<T>): Schema<readonly T[], Always> {
  return field(schema, { presence: 'oneOrMore' })
}

/** A field that came in with this version; older ones are without it. */
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
