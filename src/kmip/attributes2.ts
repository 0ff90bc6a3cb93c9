// Attributes in 2.x messages (KMIP 2.1 §4, §7.1): one `Attributes` structure with an item for each instance, by tag,
// and `Attribute` structures for those of vendors; references to attributes by tag or by vendor and name. There are
// no indices: instances are told apart by their value.

import { any, oneOf, optional, repeated, text } from '../ttlv/schema.ts'
import type { AnyValue, Infer, ItemSchema, Schema } from '../ttlv/schema.ts'
import { enumerationCode } from '../ttlv/schema.ts'
import { attributeFact, attributeNames, isAttributeName } from './attribute-table.ts'
import type { AttributeName, attributes } from './attribute-table.ts'
import { existsIn, isCustom } from './attributes.ts'
import type { AttributeSet, AttributeValue } from './attributes.ts'
import { Fault } from './fault.ts'
import { since, struct, until } from './schema.ts'
import { tagCode, tagName } from './tags.ts'
import type { Version } from './version.ts'

/** A vendor's attribute; vendors x and y are the custom attributes of 1.x (KMIP 2.1 §4.60). */
export const vendorAttribute = struct({
  VendorIdentification: text,
  AttributeName: text,
  AttributeValue: any,
})

export type AttributesValue = {
  readonly [K in AttributeName]?:
    | ((typeof attributes)[K] extends { readonly multiple: true }
        ? readonly AttributeValue<K>[]
        : AttributeValue<K>)
    | undefined
} & { readonly Attribute?: readonly Infer<typeof vendorAttribute>[] | undefined }

/** The value of `Attributes`, `CommonAttributes`, `NewAttribute` and their like. */
export const attributesStructure: ItemSchema<AttributesValue> = struct({
  ...Object.fromEntries(attributeNames.map((key) => [key, field(key)])),
  Attribute: repeated(vendorAttribute),
}) as ItemSchema<AttributesValue>

/** An attribute by its tag, or a vendor's by vendor and name (KMIP 2.1 §7.3). */
export const attributeReference = oneOf(
  enumerationCode,
  struct({ VendorIdentification: text, AttributeName: text }),
)

/** The instances of an `Attributes` structure, in the order of the table. Fault InvalidAttribute for a vendor's name that cannot be. */
export function fromWire2(value: AttributesValue): { readonly key: string; readonly value: unknown }[] {
  const standard = attributeNames.flatMap((key) => {
    const given: unknown = value[key]
    if (given === undefined) return []
    return (Array.isArray(given) ? (given as unknown[]) : [given]).map((one) => ({ key, value: one }))
  })
  const vendors = (value.Attribute ?? []).map(
    ({ VendorIdentification: vendor, AttributeName: name, AttributeValue }) => ({
      key: vendorKey(vendor, name),
      value: AttributeValue,
    }),
  )
  return [...standard, ...vendors]
}

/** What of the set `version` can say. */
export function toWire2(set: AttributeSet, version: Version): AttributesValue {
  const value: Record<string, unknown> = {}
  const Attribute: Infer<typeof vendorAttribute>[] = []
  for (const [key, instances] of set) {
    const values = instances.filter((one) => existsIn(key, version, one.value)).map((one) => one.value)
    if (isAttributeName(key)) {
      if (values.length > 0) value[key] = attributeFact(key).multiple ? values : values[0]
    } else if (isCustom(key)) {
      for (const one of values) Attribute.push({ ...vendorName(key), AttributeValue: one as AnyValue })
    }
  }
  return { ...value, Attribute }
}

/** The key that a reference means. Fault InvalidAttribute when `version` has no such attribute. */
export function keyOfReference(reference: Infer<typeof attributeReference>, version: Version): string {
  if (typeof reference !== 'number') {
    return vendorKey(reference.VendorIdentification, reference.AttributeName)
  }
  const key = tagName(reference)
  if (key !== undefined && isAttributeName(key) && existsIn(key, version)) return key
  throw new Fault(
    'InvalidAttribute',
    `KMIP ${version} has no attribute with the tag ${reference.toString(16).padStart(6, '0')}`,
  )
}

export function referenceOf(key: string): Infer<typeof attributeReference> {
  return isAttributeName(key) ? tagCode(key) : vendorName(key)
}

function vendorKey(vendor: string, name: string): string {
  if (!/^[A-Za-z0-9_.]+$/.test(vendor)) {
    throw new Fault('InvalidAttribute', 'a vendor identification has only letters, digits, _ and .')
  }
  return vendor === 'x' || vendor === 'y' ? `${vendor}-${name}` : `v:${vendor}:${name}`
}

function vendorName(key: string): { readonly VendorIdentification: string; readonly AttributeName: string } {
  const [, custom, customName, vendor, name] = /^(?:([xy])-(.*)|v:([^:]+):(.*))$/s.exec(key) ?? []
  return { VendorIdentification: custom ?? vendor ?? '', AttributeName: customName ?? name ?? '' }
}

function field(key: AttributeName): Schema {
  const { schema, multiple, since: first, until: last } = attributeFact(key)
  const often = multiple ? repeated(schema) : optional(schema)
  return since(first, last === undefined ? often : until(last, often))
}
