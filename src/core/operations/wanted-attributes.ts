// The attributes of a new object as its request wants them: those that it states, and those of the templates that it names
// (KMIP 1.4 §4.1 to §4.8). A stated attribute goes before that of a template, and a later template before an earlier one;
// of an attribute with several instances the object gets all.

import { appliesTo, isMultiple, mayBeSet } from '../../wire/kmip/attribute-rules.ts'
import { searchKey, type AttributeSet } from '../../wire/kmip/attributes.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Request } from '../../wire/kmip/operations.ts'
import type { ObjectType } from '../keys/object/managed-object.ts'
import { withDefaults } from '../keys/object/object-rules.ts'
import type { Context } from './handler.ts'
import { requestedAttributes } from './requested-attributes.ts'
import { requireStorage } from './storage-masks.ts'

/** Templates that one Template-Attribute names: each brings its attributes, and is read anew. */
export const templatesMax = 10

type Asking = Pick<Request<'Create'>, 'TemplateAttribute' | 'Attributes' | 'ProtectionStorageMasks'>

/** KMIP 2.1 §6.1.53: the defaults of the instance stand in for what nobody stated. */
export async function defaulted(
  asked: AttributeSet,
  objectType: ObjectType,
  { transaction, version }: Pick<Context, 'transaction' | 'version'>,
): Promise<AttributeSet> {
  return withDefaults(asked, await transaction.rules.defaults(), { objectType, version })
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

/** The Name is that of the template itself. */
function isInherited(key: string): boolean {
  return key !== 'Name' && mayBeSet(key)
}

/** The second set goes before the first one; of attributes with several instances both count. */
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
