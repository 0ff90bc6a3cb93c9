// The attributes of an object that a client of a given version may see.

import { appliesTo } from '../../wire/kmip/attribute-rules.ts'
import { attributeNames } from '../../wire/kmip/attribute-table.ts'
import { existsIn, first, type AttributeSet } from '../../wire/kmip/attributes.ts'
import { seenIn } from '../../wire/kmip/attributes2.ts'
import type { Version } from '../../wire/kmip/version.ts'

/** The attributes that this version has, in the specification's order, custom ones last. */
export function visibleKeys(attributes: AttributeSet, version: Version): readonly string[] {
  const visible = [...seenIn(version, attributes)].filter(
    ([key, instances]) =>
      isShown(key, attributes, version) && instances.some(({ value }) => existsIn(key, version, value)),
  )
  return visible.map(([key]) => key).toSorted((a, b) => place(a) - place(b))
}

/**
 * Every version shows an attribute that another version set. The exception is the State, which every object has: 1.x shows it
 * only for cryptographic objects (KMIP 1.4 §3.22, 2.1 §4.57).
 */
export function isShown(key: string, attributes: AttributeSet, version: Version): boolean {
  const objectType = first(attributes, 'ObjectType')
  return key !== 'State' || objectType === undefined || appliesTo(key, objectType, version)
}

/** Custom attributes are not in the table: `indexOf` gives -1, and `>>> 0` makes that the largest number. */
function place(key: string): number {
  return (attributeNames as readonly string[]).indexOf(key) >>> 0
}
