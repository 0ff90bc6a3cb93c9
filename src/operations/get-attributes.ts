// Get Attributes (KMIP 1.4 §4.12): the named attributes, or all. A named attribute that the object lacks is left out
// without an error: vCenter asks for its own attributes one by one before it adds them.

import { existsIn, findKey, toWire1 } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
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
  const keys = asked.length > 0 ? asked.map(findKey) : visibleKeys(attributes, version)
  return {
    UniqueIdentifier,
    Attribute: keys.flatMap((key) =>
      (key === undefined ? [] : (attributes.get(key) ?? []))
        .filter(({ value }) => key !== undefined && existsIn(key, version, value))
        .map((instance) => toWire1(key ?? '', instance, version)),
    ),
  }
}
