// The attributes that a request states for a new object: its own, and those of the templates that it names (KMIP 1.4 §4.1 to
// §4.8). A stated attribute overrides a template's, and a later template overrides an earlier one; of an attribute with several
// instances the object gets all.

import { appliesTo, isMultiple, mayBeSet } from '../../wire/kmip/attribute-rules.ts'
import { searchKey, type AttributeSet } from '../../wire/kmip/attributes.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Request } from '../../wire/kmip/operations.ts'
import type { ObjectType } from '../keys/object/managed-object.ts'
import { withDefaults } from '../keys/object/object-rules.ts'
import type { Context } from './handler.ts'
import { requestedAttributes } from './requested-attributes.ts'
import { requireStorage } from './storage-masks.ts'

/** The most templates in one Template-Attribute: each adds attributes, and the server reads each one for each request. */
export const templatesMax = 10

type Asking = Pick<Request<'Create'>, 'TemplateAttribute' | 'Attributes' | 'ProtectionStorageMasks'>

/** KMIP 2.1 §6.1.53: fills in the instance's defaults for attributes that neither the request nor a template states. */
export async function defaulted(
  attributes: AttributeSet,
  objectType: ObjectType,
  { transaction, version }: Pick<Context, 'transaction' | 'version'>,
): Promise<AttributeSet> {
  return withDefaults(attributes, await transaction.rules.defaults(), { objectType, version })
}

/**
 * Throws ObjectNotFound for a template that does not exist, InvalidField for too many of them, ProtectionStorageUnavailable if the
 * object may not be stored here, and the Faults of requestedAttributes.
 */
export async function wantedAttributes(
  request: Partial<Asking>,
  objectType: ObjectType,
  { transaction, version }: Pick<Context, 'transaction' | 'version'>,
): Promise<AttributeSet> {
  requireStorage(request.ProtectionStorageMasks)
  const stated = requestedAttributes(request, { version, objectType })
  const names = request.TemplateAttribute?.Name ?? []
  if (names.length > templatesMax)
    throw new Fault('InvalidField', `a request names ${templatesMax} templates at most`)
  let set: AttributeSet = new Map()
  for (const name of names) {
    const template = await transaction.template(name)
    const inherited = [...template].filter(([key]) => isInherited(key) && appliesTo(key, objectType, version))
    set = overlaid(set, new Map(inherited))
  }
  return overlaid(set, stated)
}

/** The Name belongs to the template itself. */
function isInherited(key: string): boolean {
  return key !== 'Name' && mayBeSet(key)
}

/** The second set overrides the first; an attribute with several instances keeps those of both. */
export function overlaid(below: AttributeSet, above: AttributeSet): AttributeSet {
  const set = new Map([...below, ...above])
  for (const [key, instances] of above) {
    const others = below.get(key)
    if (!others || !isMultiple(key)) continue
    const values = new Map([...others, ...instances].map(({ value }) => [searchKey(key, value), value]))
    set.set(
      key,
      [...values.values()].map((value, index) => ({ index, value })),
    )
  }
  return set
}
