// Get Attributes (KMIP 1.4 §4.12, 2.1 §6.1.20): the named attributes, or all. It omits a named attribute that the object lacks,
// without an error: vCenter requests its own attributes one by one before it adds them. In 1.x, "all" means the client's own
// attributes and those that clients expect, since some clients crash on an unknown attribute. An object that is destroyed, which
// no client uses, or that has a link, on which those clients crash anyway, shows all its known attributes.

import { findKey, first, type AttributeSet } from '../../wire/kmip/attributes.ts'
import { keyOfReference } from '../../wire/kmip/attributes2.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Request } from '../../wire/kmip/operations.ts'
import { atLeast, type Version } from '../../wire/kmip/version.ts'
import { isUnasked } from '../keys/object/initial-attributes.ts'
import type { Handler } from './handler.ts'
import { isShown, visibleKeys } from './visible-keys.ts'
import { answeredAttributes } from './wire-attributes.ts'

export const getAttributes: Handler<'GetAttributes'> = async (
  { transaction, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const requestedKeys = askedKeys(request, version)
  const attributes = await transaction.attributes('key.attributes', UniqueIdentifier)
  const keys = requestedKeys.length > 0 ? requestedKeys : unnamedKeys(attributes, version)
  const known = keys.filter((key) => key !== undefined).filter((key) => isShown(key, attributes, version))
  return { UniqueIdentifier, ...answeredAttributes(attributes, known, version) }
}

/** Undefined for a name that no attribute has. Throws Fault InvalidMessage for a repeated name. */
function askedKeys(request: Request<'GetAttributes'>, version: Version): readonly (string | undefined)[] {
  if (atLeast(version, '2.0')) {
    const keys = (request.AttributeReference ?? []).map((reference) => keyOfReference(reference, version))
    return requireOnce(keys, 'Attribute Reference')
  }
  return requireOnce(request.AttributeName ?? [], 'Attribute Name').map(findKey)
}

function requireOnce(names: readonly string[], what: string): readonly string[] {
  if (new Set(names).size < names.length) throw new Fault('InvalidMessage', `the same ${what} stands twice`)
  return names
}

function unnamedKeys(attributes: AttributeSet, version: Version): readonly string[] {
  const visible = visibleKeys(attributes, version)
  if (atLeast(version, '2.0')) return visible
  const state = first(attributes, 'State')
  const showsAll = state === 'Destroyed' || state === 'DestroyedCompromised' || visible.includes('Link')
  return visible.filter((key) => showsAll || !isUnasked(key, attributes))
}
