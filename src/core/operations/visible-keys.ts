// The attributes of an object that a client of a given version may see.

import { appliesTo } from '../../wire/kmip/attribute-rules.ts'
import { attributeNames } from '../../wire/kmip/attribute-table.ts'
import { existsIn, first, type AttributeSet } from '../../wire/kmip/attributes.ts'
import { seenIn } from '../../wire/kmip/attributes2.ts'
import type { Version } from '../../wire/kmip/version.ts'

/** The attributes that this version has, in the order of the specification, custom ones last. */
export function visibleKeys(attributes: AttributeSet, version: Version): readonly string[] {
  const visible = [...seenIn(version, attributes)].filter(
    ([key, instances]) =>
      isShown(key, attributes, version) && instances.some(({ value }) => existsIn(key, version, value)),
  )
  return visible.map(([key]) => key).toSorted((a, b) => place(a) - place(b))
}

/**
 * An attribute that one version gave an object is shown by the others, too. Only the State, which every object has, is one of cryptographic objects
 * alone in 1.x (KMIP 1.4 §3.22, 2.1 §4.57).
 */
export function isShown(key: string, attributes: AttributeSet, version: Version): boolean {
  const objectType = first(attributes, 'ObjectType')
  return key !== 'State' || objectType === undefined || appliesTo(key, objectType, version)
}

/** Custom attributes are not in the table: `indexOf` gives -1, and `>>> 0` makes that the largest number. */
function place(key: string): number {
  return (attributeNames as readonly string[]).indexOf(key) >>> 0
}
