// The schemas of wire/ttlv/ with KMIP's names: a structure's property names are KMIP tag names, an enumeration has a name, a
// version is written '1.4'. A field that is not a tag, or a value that is not in its enumeration, does not compile. Schemas of
// single items (text, integer, ...) and the presence of fields come from wire/ttlv/schema.ts.

import * as ttlv from '../ttlv/schema.ts'
import type { ItemSchema, Schema, Siblings } from '../ttlv/schema.ts'
import { itemTypes } from '../ttlv/wire.ts'
import { enums } from './enums.ts'
import type { EnumName, EnumTable, EnumType } from './enums.ts'
import { tagCode, tags } from './tags.ts'
import type { TagName } from './tags.ts'
import { atLeast, newestOfMajor, ordinal, versionOf } from './version.ts'
import type { Version } from './version.ts'

/** `struct({ UniqueIdentifier: optional(text), ... })`: fields in the order of the specification. */
export const struct = ttlv.structWith<TagName>(tagCode)

/** Like `struct`, but the fields may stand in any order. */
export const unordered = ttlv.structWith<TagName>(tagCode, { ordered: false })

/** `enumeration('ObjectType')`. */
export function enumeration<E extends EnumType>(name: E): ItemSchema<EnumName<E>> {
  const table: EnumTable = enums[name]
  const values = Object.entries(table).map(([value, fact]) => ({
    name: value as EnumName<E>,
    code: fact.code,
    since: ordinal(fact.since),
    until: fact.until === undefined ? Infinity : ordinal(fact.until),
  }))
  return ttlv.enumeration(values)
}

/** A tag's number, as an enumeration (KMIP 2.1 §11.56), named like the tag. */
export function tagEnumeration(): ItemSchema<TagName> {
  const values = Object.entries(tags).map(([name, { code, since }]) => ({
    name: name as TagName,
    code,
    since: ordinal(since),
    until: Infinity,
  }))
  return ttlv.enumeration(values)
}

export function since<T>(version: Version, schema: Schema<T>): Schema<T, 'maybe'> {
  return ttlv.since(ordinal(version), schema)
}

export function until<T>(version: Version, schema: Schema<T>): Schema<T, 'maybe'> {
  return ttlv.until(ordinal(version), schema)
}

/** An item whose schema depends on the fields before it in its structure, or on the version. */
export function dependent<T>(choose: (siblings: Siblings, version: Version) => ItemSchema<T>): ItemSchema<T> {
  return ttlv.dependent((siblings, version) => choose(siblings, versionOf(version) ?? newestOfMajor('2.1')))
}

/** The highest number of an item type that the version has. */
export function typeMax(version: Version): number {
  return atLeast(version, '3.0') ? itemTypes.NameReference : itemTypes.DateTimeExtended
}

/** An item that 3.0 writes in another form. */
export function changedIn3<Old, New>(old: ItemSchema<Old>, since3: ItemSchema<New>): ItemSchema<Old | New> {
  return dependent<Old | New>((_, version) => (atLeast(version, '3.0') ? since3 : old))
}

/** The identifier of an object in an answer. It is text, and has an item type of its own since 3.0. */
export const uniqueIdentifier: ItemSchema<string> = changedIn3(ttlv.text, ttlv.identifierText)
