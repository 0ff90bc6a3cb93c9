// Add Attribute (KMIP 1.4 §4.14, 2.1 §6.1.2): adds one instance; in 1.x the server gives its index. kmip/attribute-rules.ts
// decides what may change.

import { fromWire1, toWire1 } from '../kmip/attributes.ts'
import { atLeast } from '../kmip/version.ts'
import type { Handler } from './handler.ts'
import { required } from './required.ts'
import { oneAttribute } from './wire-attributes.ts'

export const addAttribute: Handler<'AddAttribute'> = async (
  { transaction, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  if (atLeast(version, '2.0')) {
    const added = oneAttribute(required(request.NewAttribute, 'New Attribute'), version, 'New Attribute')
    await transaction.addAttribute(UniqueIdentifier, { ...added, version })
    return { UniqueIdentifier }
  }
  const attribute = fromWire1(required(request.Attribute, 'Attribute'), version)
  const instance = await transaction.addAttribute(UniqueIdentifier, { ...attribute, version })
  return { UniqueIdentifier, Attribute: toWire1(attribute.key, instance, version) }
}
