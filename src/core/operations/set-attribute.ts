// Set Attribute (KMIP 2.1 §6.1.51): adds the only instance of an attribute, or modifies it.

import type { Handler } from './handler.ts'
import { oneAttribute } from './wire-attributes.ts'

export const setAttribute: Handler<'SetAttribute'> = async (
  { transaction, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const attribute = oneAttribute(request.NewAttribute, version, 'New Attribute')
  await transaction.setAttribute(UniqueIdentifier, { ...attribute, version })
  return { UniqueIdentifier }
}
