// The attributes that a Create or Register requests, as one set: from a Template-Attribute (1.x) or Attributes (2.x).
// Checks for each whether a client may set it.

import { fromWire1, searchKey, type AttributeInstance, type AttributeSet } from '../kmip/attributes.ts'
import { checkSet, checkValue, isMultiple } from '../kmip/attribute-rules.ts'
import { Fault } from '../kmip/fault.ts'
import type { Request } from '../kmip/operations.ts'
import type { Version } from '../kmip/version.ts'
import type { ObjectType } from '../keys/managed-object.ts'

type Asking = Pick<Request<'Create'>, 'TemplateAttribute' | 'Attributes'>

/** Faults name the attribute. Instances without an index are numbered in their order. */
export function requestedAttributes(
  request: Asking,
  about: { readonly version: Version; readonly objectType: ObjectType },
): AttributeSet {
  const template = request.TemplateAttribute
  if (template && template.Name.length > 0)
    throw new Fault('ObjectNotFound', 'this server has no templates: give the attributes in the request')
  const set = new Map<string, AttributeInstance[]>()
  for (const wire of template?.Attribute ?? []) {
    const { key, value } = fromWire1(wire, about.version)
    const instances = set.get(key) ?? []
    // Some clients name an attribute twice, once as an option of their caller and once by themselves.
    const [only] = instances
    if (only && !isMultiple(key) && searchKey(key, only.value) === searchKey(key, value)) continue
    checkSet(key, instances.length + 1, about.objectType, about.version)
    checkValue(key, value)
    set.set(key, [...instances, { index: instances.length, value }])
  }
  return set
}
