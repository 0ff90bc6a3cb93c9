// Modify Attribute (KMIP 1.4 §4.15): changes one instance, by its index. kmip/attribute-rules.ts decides what may
// change.

import { fromWire1, toWire1 } from '../kmip/attributes.ts'
import type { Handler } from './handler.ts'
import { required } from './required.ts'

export const modifyAttribute: Handler<'ModifyAttribute'> = async (
  { transaction, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const attribute = fromWire1(required(request.Attribute, 'Attribute'), version)
  const instance = await transaction.modifyAttribute(UniqueIdentifier, { ...attribute, version })
  return { UniqueIdentifier, Attribute: toWire1(attribute.key, instance, version) }
}
