// Which attributes of an object a client of some version may see.

import { attributeNames } from '../kmip/attribute-table.ts'
import { existsIn, type AttributeSet } from '../kmip/attributes.ts'
import type { Version } from '../kmip/version.ts'

/** Those that this version has, in the order of the specification, custom ones last. */
export function visibleKeys(attributes: AttributeSet, version: Version): readonly string[] {
  const visible = [...attributes].filter(([key, instances]) =>
    instances.some(({ value }) => existsIn(key, version, value)),
  )
  return visible.map(([key]) => key).toSorted((a, b) => place(a) - place(b))
}

/** Custom ones are nowhere in the table, and so beyond its end. */
function place(key: string): number {
  return (attributeNames as readonly string[]).indexOf(key) >>> 0
}
