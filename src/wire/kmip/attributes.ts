// Attributes of objects as values: their form in memory (an AttributeSet by canonical key), on the wire in 1.x
// (Attribute, by name) and 2.x (Attributes, by tag), and in the store; and the comparison of two values.
// A standard attribute's key is its tag's name ('CryptographicLength'). A custom attribute's key is its 1.x name
// ('x-Vendor', 'y-Origin'); in 2.x its vendor is x or y. Attributes of other vendors exist only in 2.x; their key is
// 'v:Vendor:Name'.
// attribute-rules.ts decides what a client may do with attributes.

import { decode } from '../ttlv/decode.ts'
import { encode } from '../ttlv/encode.ts'
import { any, integer, repeated, text } from '../ttlv/schema.ts'
import type { AnyValue, Infer, ItemSchema, Schema } from '../ttlv/schema.ts'
import { isTextType } from '../ttlv/wire.ts'
import {
  attributeNameBytesMax,
  objectAttributesBytesMax,
  stateAttributesBytes,
  structureDepthMax,
} from '../../base/bounds.ts'
import { attributeFact, attributeNames, attributes, isAttributeName } from './attribute-table.ts'
import type { AttributeName } from './attribute-table.ts'
import { Fault } from './fault.ts'
import { dependent, struct, typeMax } from './schema.ts'
import { partial } from './partial.ts'
import { isDefined, tagCode } from './tags.ts'
import { timeless } from './timeless.ts'
import { atLeast, ordinal } from './version.ts'
import type { Version } from './version.ts'

/** The value of a custom attribute. */
export type CustomValue = AnyValue

export interface AttributeInstance<V = unknown> {
  /** Assigned by the server. Never changes while the instance exists (KMIP 1.4 §2.1.1). 0 if there can be only one. */
  readonly index: number
  readonly value: V
}

/** Instances by canonical key, in order of index. A key has at least one instance. */
export type AttributeSet = ReadonlyMap<string, readonly AttributeInstance[]>

export type AttributeValue<K extends AttributeName> = Infer<(typeof attributes)[K]['schema']>

/** An `Attribute` structure of 1.x (KMIP 1.4 §2.1.1). The value of a custom attribute is an AnyValue. */
export interface WireAttribute {
  readonly AttributeName: string
  readonly AttributeIndex?: number | undefined
  /** Only Notify omits it. */
  readonly AttributeValue?: unknown
}

/** The value of the instance with the lowest index. */
export function first<K extends AttributeName>(set: AttributeSet, key: K): AttributeValue<K> | undefined {
  return set.get(key)?.[0]?.value as AttributeValue<K> | undefined
}

// ---------------------------------------------------------------- Keys and names

const customPrefix = /^[xy]-/
const vendorPrefix = 'v:'

/** Whether it is a custom attribute (x-, y-) or another vendor's. Its value is an AnyValue, of any type. */
export function isCustom(key: string): boolean {
  return customPrefix.test(key) || key.startsWith(vendorPrefix)
}

/**
 * Whether `version` has the attribute and, if a value is given, can express that value. An answer must not hold
 * anything newer than the request.
 */
export function existsIn(key: string, version: Version, value?: unknown): boolean {
  if (!isAttributeName(key)) {
    const isNamed = atLeast(version, '2.0') ? isCustom(key) : customPrefix.test(key)
    return isNamed && (value === undefined || hasItemTypes(value as AnyValue, version))
  }
  if (hasForm3.has(key) && atLeast(version, '3.0')) return true
  const fact = attributeFact(key)
  return (
    isDefined(fact, version) && (value === undefined || isExpressible(fact.schema, value, ordinal(version)))
  )
}

/** 3.0 has these in another form. attributes3.ts converts them. */
const hasForm3: ReadonlySet<string> = new Set(['Name', 'Link', 'ObjectGroup', 'RotateName'])

/** Whether the version has all item types in the value: one came with 2.0, and three with 3.0. */
function hasItemTypes({ type, value }: AnyValue, version: Version): boolean {
  if (type === 'Structure') return value.every(({ item }) => hasItemTypes(item, version))
  const since =
    type === 'DateTimeExtended' ? '2.0' : isTextType(type) && type !== 'TextString' ? '3.0' : '1.0'
  return atLeast(version, since)
}

/** The attribute names that `version` defines, in the order of the specification. */
export function wireNames(version: Version): string[] {
  return attributeNames.filter((key) => existsIn(key, version)).map((key) => attributes[key].name)
}

/** The attribute's name in 1.x messages. */
export function wireName(key: string): string {
  return isAttributeName(key) ? attributes[key].name : key
}

/** The key of a 1.x attribute name, whatever the version. Undefined if no attribute has that name. */
export function findKey(name: string): string | undefined {
  return keyByName.get(name) ?? (customPrefix.test(name) ? name : undefined)
}

const keyByName: ReadonlyMap<string, AttributeName> = new Map(
  attributeNames.map((key) => [attributes[key].name, key]),
)

/** The key of an attribute name in a 1.x message. Fault `unknown` if `version` has no such attribute, InvalidField if the name is too long. */
export function schemaKeyOf(
  name: string,
  version: Version,
  unknown: 'InvalidField' | 'AttributeNotFound' = 'InvalidField',
): string {
  const key = findKey(name)
  if (key === undefined) throw new Fault(unknown, unknownName(name, version))
  if (!existsIn(key, version)) throw new Fault(unknown, otherVersion(key, name, version))
  if (Buffer.byteLength(name) > attributeNameBytesMax) {
    throw new Fault('InvalidField', `an attribute name has more than ${attributeNameBytesMax} bytes`)
  }
  return key
}

function unknownName(name: string, version: Version): string {
  const shown = JSON.stringify(name.slice(0, 64))
  const meant = wireNames(version).find((known) => plain(known) === plain(name))
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`
  return `KMIP ${version} has no attribute ${shown}, and names of custom attributes begin with x- or y-${hint}`
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

function otherVersion(key: string, name: string, version: Version): string {
  if (!isAttributeName(key)) return `KMIP ${version} has no vendor attributes; it has custom ones, x- and y-`
  const fact = attributeFact(key)
  const early = !atLeast(version, fact.since)
  return `KMIP ${version} has no attribute "${name}": ${early ? `it came with ${fact.since}` : `${fact.until ?? ''} was the last to have it`}`
}

// ---------------------------------------------------------------- On the wire, 1.x

/** The schema of the AttributeValue for this AttributeName. For custom and unknown names: any item. */
export function valueSchema(name: unknown): ItemSchema {
  const key = typeof name === 'string' ? keyByName.get(name) : undefined
  return key === undefined ? any : attributes[key].schema
}

/** The schema of an AttributeValue in a search, where a part of a structure is enough. */
export function searchedSchema(name: unknown): ItemSchema {
  const key = typeof name === 'string' ? keyByName.get(name) : undefined
  return (key && searchedByKey.get(key)) ?? any
}

const searchedByKey: ReadonlyMap<string, ItemSchema> = new Map(
  attributeNames.map((key) => [key, partial<unknown>(attributes[key].schema)]),
)

/** An `Attribute` structure of a 1.x message. RangeError if the version lacks the attribute (`existsIn`). */
export function toWire1(
  key: string,
  instance: AttributeInstance,
  version: Version,
  isIndexed = false,
): WireAttribute {
  if (!existsIn(key, version)) throw new RangeError(`KMIP ${version} has no attribute ${key}`)
  const { index, value } = instance
  return {
    AttributeName: wireName(key),
    ...(index > 0 || isIndexed ? { AttributeIndex: index } : {}),
    AttributeValue: value,
  }
}

/**
 * Reads an `Attribute` structure of a 1.x message. Fault InvalidField for a name or a value that `version` lacks,
 * InvalidMessage for a missing value or a negative index.
 */
export function fromWire1(
  attribute: WireAttribute,
  version: Version,
): { readonly key: string; readonly index: number | undefined; readonly value: unknown } {
  const { AttributeName: name, AttributeIndex: index, AttributeValue: value } = attribute
  const key = schemaKeyOf(name, version)
  if (value === undefined) throw new Fault('InvalidMessage', `the attribute "${name}" has no value`)
  if (index !== undefined && index < 0)
    throw new Fault('InvalidMessage', `the attribute "${name}" has a negative index`)
  // The decoder accepts values of newer minor versions, but an answer in this version could not repeat them.
  if (!existsIn(key, version, value))
    throw new Fault('InvalidField', `KMIP ${version} has no such value of "${name}"`)
  return { key, index, value }
}

// ---------------------------------------------------------------- Stored

/** The newest storage format. The first byte of the stored form is its format. */
const format = 1

const schemaByKey: ReadonlyMap<string, ItemSchema> = new Map(
  attributeNames.map((key) => [key, timeless<unknown>(attributes[key].schema)]),
)

const storedAttribute = struct({
  AttributeName: text,
  AttributeIndex: integer,
  AttributeValue: dependent(({ AttributeName: key }) => schemaByKey.get(String(key)) ?? any),
})
const stored = struct({ Attribute: repeated(storedAttribute) })
/** Leaves room for the attributes of every state. */
const storedBytesMax = objectAttributesBytesMax + 8 * stateAttributesBytes
const storedOptions = {
  tag: tagCode('Attributes'),
  version: ordinal('2.1'),
  bytesMax: storedBytesMax,
  depthMax: structureDepthMax + 2,
  itemsMax: storedBytesMax / 8,
  typeMax: typeMax('3.0'),
}

/**
 * Encodes all attributes for the store, whatever the version: a format byte, then TTLV. Fault ServerLimitExceeded if they are too
 * large.
 */
export function packAttributes(set: AttributeSet, bytesMax: number = objectAttributesBytesMax): Uint8Array {
  const Attribute = [...set].flatMap(([key, instances]) =>
    instances.map(({ index, value }) => ({
      AttributeName: key,
      AttributeIndex: index,
      AttributeValue: value,
    })),
  )
  const ttlv = encode(stored, { Attribute }, storedOptions)
  if (ttlv.length > bytesMax) {
    throw new Fault('ServerLimitExceeded', `the attributes of an object take more than ${bytesMax} bytes`)
  }
  return Buffer.concat([Buffer.of(format), ttlv])
}

/** Decodes the result of `packAttributes`, in any format so far. Byte strings are views into `packed`. */
export function unpackAttributes(packed: Uint8Array): AttributeSet {
  if (packed[0] !== format)
    throw new Error(`attributes are stored in format ${packed[0]}, which this version does not know`)
  const { Attribute } = decode(stored, packed.subarray(1), storedOptions)
  const set = new Map<string, AttributeInstance[]>()
  for (const { AttributeName: key, AttributeIndex: index, AttributeValue: value } of Attribute) {
    const instances = set.get(key)
    if (instances) instances.push({ index, value })
    else set.set(key, [{ index, value }])
  }
  return set
}

// ---------------------------------------------------------------- Compared

/**
 * The value as text: equal values have the same text, and different values never do, whatever the version. Indexes
 * store this text, so its form is a format: strings as in JSON, dates and other large numbers with n, bytes as 0x and
 * hex, structures as {Field:value,...} sorted by name, without absent fields.
 */
export function searchKey(key: string, value: unknown): string {
  if (isCustom(key)) return anyText(value as AnyValue)
  return canonical(value)
}

/**
 * Writes a number in decimal, or in hexadecimal if it is long. The time for decimal digits grows faster than the number, which
 * may fill a message.
 */
export function numberText(value: bigint): string {
  if (value <= decimalMax && value >= -decimalMax) return String(value)
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`
}

const decimalMax = 2n ** 4096n

/** Equal values get the same text: fields in order, without fields that are undefined or empty lists. */
export function canonical(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${numberText(value)}n`
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const fields = Object.entries(value).filter(([, field]) => field !== undefined && !isEmpty(field))
  fields.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, field]) => `${name}:${canonical(field)}`).join(',')}}`
}

function anyText({ type, value }: AnyValue): string {
  if (type !== 'Structure') return `${type}:${canonical(value)}`
  return `{${value.map(({ tag, item }) => `${tag.toString(16)}:${anyText(item)}`).join(',')}}`
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

/** Whether a version can express the item: it has every required value. */
function isExpressible({ shape }: Schema, value: unknown, version: number): boolean {
  if (shape.kind === 'Enumeration' && shape.names !== undefined) {
    const name = shape.names.byName.get(String(value))
    return name !== undefined && name.since <= version && version <= name.until
  }
  if (shape.kind !== 'Structure' || typeof value !== 'object' || value === null) return true
  const fields = value as Readonly<Record<string, unknown>>
  return shape.fields.every(
    ({ name, schema }) =>
      schema.presence !== 'required' ||
      schema.since > version ||
      // A search may hold a part of a structure.
      fields[name] === undefined ||
      isExpressible(schema, fields[name], version),
  )
}
