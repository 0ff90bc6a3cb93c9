// Attributes in 2.x messages (KMIP 2.1 §4, §7.1): one `Attributes` structure with an item per instance, by tag, and
// `Attribute` structures for vendor attributes. References name an attribute by tag, or by vendor and name. There are
// no indices: instances differ by their value.

import type { AnyValue, Infer } from '../ttlv/schema.ts'
import { attributeNameBytesMax } from '../../base/bounds.ts'
import { attributeFact, attributeNames, isAttributeName } from './attribute-table.ts'
import { existsIn, isCustom } from './attributes.ts'
import type { AttributeSet } from './attributes.ts'
import { fromForm3, toForm3 } from './attributes3.ts'
import { Fault } from './fault.ts'
import type { Attributes, attributeReference } from './objects.ts'
import { isDefined, tags } from './tags.ts'
import { atLeast, type Version } from './version.ts'

type VendorAttribute = Attributes['Attribute'][number]
type AttributeReference = Infer<typeof attributeReference>

/**
 * Reads the instances in an `Attributes` structure. Fault InvalidAttribute for an invalid vendor, and for an attribute or a value
 * that only a later version has, since an answer in this version could not repeat it.
 */
export function fromWire2(value: Attributes, version: Version): ReturnType<typeof fromForm3>[] {
  const standard = attributeNames.flatMap((key) => {
    const field: unknown = value[key]
    if (field === undefined) return []
    return (Array.isArray(field) ? (field as unknown[]) : [field]).map((one) => ({ key, value: one }))
  })
  const vendors = value.Attribute.map(
    ({ VendorIdentification: vendor, AttributeName: name, AttributeValue }) => ({
      key: vendorKey(vendor, name),
      value: AttributeValue,
    }),
  )
  for (const one of standard)
    if (!existsIn(one.key, version, one.value))
      throw new Fault('InvalidAttribute', `KMIP ${version} has no such attribute: ${one.key}`)
  const attributes = [...standard, ...vendors]
  return atLeast(version, '3.0') ? attributes.map(fromForm3) : attributes
}

/** The attributes in the form of `version`: 3.0 has some of them in another form. */
export function seenIn(version: Version, set: AttributeSet): AttributeSet {
  return atLeast(version, '3.0') ? toForm3(set) : set
}

/** The part of the set that `version` can express. */
export function toWire2(set: AttributeSet, version: Version): Attributes {
  return toStructure(seenIn(version, set), version)
}

/** The structure for a set that already has the form of the version. */
export function toStructure(seen: AttributeSet, version: Version): Attributes {
  const value: Record<string, unknown> = {}
  const Attribute: VendorAttribute[] = []
  for (const [key, instances] of seen) {
    const values = instances.filter((one) => existsIn(key, version, one.value)).map((one) => one.value)
    if (isAttributeName(key)) {
      if (values.length > 0) value[key] = attributeFact(key).multiple ? values : values[0]
    } else if (isCustom(key)) {
      for (const one of values) Attribute.push({ ...vendorName(key), AttributeValue: one as AnyValue })
    }
  }
  return { ...value, Attribute }
}

/** The key of a referenced attribute. Fault InvalidAttribute if `version` has no such attribute. */
export function keyOfReference(reference: AttributeReference, version: Version): string {
  if (typeof reference !== 'string') {
    return vendorKey(reference.VendorIdentification, reference.AttributeName)
  }
  if (isAttributeName(reference) && existsIn(reference, version) && isDefined(tags[reference], version))
    return reference
  throw new Fault('InvalidAttribute', `KMIP ${version} has no attribute ${reference}`)
}

export function referenceOf(key: string): AttributeReference {
  return isAttributeName(key) ? key : vendorName(key)
}

function vendorKey(vendor: string, name: string): string {
  if (!/^[A-Za-z0-9_.]+$/.test(vendor)) {
    throw new Fault('InvalidAttribute', 'a vendor identification has only letters, digits, _ and .')
  }
  if (Buffer.byteLength(vendor) + Buffer.byteLength(name) > attributeNameBytesMax)
    throw new Fault('InvalidAttribute', `an attribute name has more than ${attributeNameBytesMax} bytes`)
  return vendor === 'x' || vendor === 'y' ? `${vendor}-${name}` : `v:${vendor}:${name}`
}

function vendorName(key: string): { readonly VendorIdentification: string; readonly AttributeName: string } {
  const [, custom, customName, vendor, name] = /^(?:([xy])-(.*)|v:([^:]+):(.*))$/s.exec(key) ?? []
  return { VendorIdentification: custom ?? vendor ?? '', AttributeName: customName ?? name ?? '' }
}
