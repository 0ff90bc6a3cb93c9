// The attributes of an object that a client of a given version may see.

import { attributeNames } from '../kmip/attribute-table.ts'
import { existsIn, type AttributeSet } from '../kmip/attributes.ts'
import type { Version } from '../kmip/version.ts'

/** The attributes that this version has, in the order of the specification, custom ones last. */
export function visibleKeys(attributes: AttributeSet, version: Version): readonly string[] {
  const visible = [...attributes].filter(([key, instances]) =>
    instances.some(({ value }) => existsIn(key, version, value)),
  )
  return visible.map(([key]) => key).toSorted((a, b) => place(a) - place(b))
}

/** Custom attributes are not in the table: `indexOf` gives -1, and `>>> 0` makes that the largest number. */
function place(key: string): number {
  return (attributeNames as readonly string[]).indexOf(key) >>> 0
}
