// The attributes that a request itself states, as one set: from a Template-Attribute (1.x) or Attributes (2.x). Checks for each
// whether a client may set it. wanted-attributes.ts adds those of the named templates.

import { searchKey, type AttributeInstance, type AttributeSet } from '../../wire/kmip/attributes.ts'
import { checkSet, checkValue, isMultiple } from '../../wire/kmip/attribute-rules.ts'
import type { Request } from '../../wire/kmip/operations.ts'
import type { Version } from '../../wire/kmip/version.ts'
import type { ObjectType } from '../keys/object/managed-object.ts'
import { givenAttributes, type GivenAttribute } from './wire-attributes.ts'

type Asking = Partial<Pick<Request<'Create'>, 'TemplateAttribute' | 'Attributes'>>

/** Faults name the attribute. Instances without an index are numbered in order. */
export function requestedAttributes(
  request: Asking,
  about: { readonly version: Version; readonly objectType: ObjectType },
): AttributeSet {
  const { TemplateAttribute: template, Attributes } = request
  return setOf(givenAttributes({ Attribute: template?.Attribute, Attributes }, about.version), about)
}

/**
 * Cosmian's client, and each product built on it, states the Object Type among the attributes. The list of attributes that a
 * request may restate has this one alone: a Digest must never be in it, since the answer would tell whether a guess is right.
 */
function restatesType(key: string, value: unknown, objectType: ObjectType): boolean {
  return key === 'ObjectType' && value === objectType
}

/** The attributes of a list, such as that of a Template. */
export function setOf(
  attributes: readonly GivenAttribute[],
  about: { readonly version: Version; readonly objectType: ObjectType },
): AttributeSet {
  const set = new Map<string, AttributeInstance[]>()
  for (const { key, value } of attributes) {
    if (restatesType(key, value, about.objectType)) continue
    const instances = set.get(key) ?? []
    // Some clients name an attribute twice: once for their caller's option and once by themselves.
    const [only] = instances
    if (only && !isMultiple(key) && searchKey(key, only.value) === searchKey(key, value)) continue
    checkSet(key, instances.length + 1, about.objectType, about.version)
    checkValue(key, value)
    set.set(key, [...instances, { index: instances.length, value }])
  }
  return set
}
