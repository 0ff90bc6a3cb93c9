// Get Attributes (KMIP 1.4 §4.12): the named attributes, or all. A named attribute that the object lacks is left out
// without an error: vCenter asks for its own attributes one by one before it adds them. All attributes are those
// that the client gave and those that clients expect; some end at an attribute that they do not know. Only a destroyed
// object, which no client uses any more, and one with a link, at which they end too, show all that is known of them.

import { existsIn, findKey, first, toWire1 } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import { isUnasked } from '../keys/initial-attributes.ts'
import type { Handler } from './handler.ts'
import { visibleKeys } from './visible-keys.ts'

export const getAttributes: Handler<'GetAttributes'> = async (
  { transaction, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const asked = request.AttributeName ?? []
  if (new Set(asked).size < asked.length)
    throw new Fault('InvalidMessage', 'the same Attribute Name stands twice')
  const attributes = await transaction.attributes('key.attributes', UniqueIdentifier)
  const state = first(attributes, 'State')
  const showsAll = state === 'Destroyed' || state === 'DestroyedCompromised' || attributes.has('Link')
  const unnamed = visibleKeys(attributes, version).filter((key) => showsAll || !isUnasked(key, attributes))
  const keys = asked.length > 0 ? asked.map(findKey) : unnamed
  return {
    UniqueIdentifier,
    Attribute: keys.flatMap((key) =>
      (key === undefined ? [] : (attributes.get(key) ?? []))
        .filter(({ value }) => key !== undefined && existsIn(key, version, value))
        .map((instance) => toWire1(key ?? '', instance, version)),
    ),
  }
}
