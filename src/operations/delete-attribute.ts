// Delete Attribute (KMIP 1.4 §4.16): removes one instance, by its index. kmip/attribute-rules.ts decides what may
// change.

import { keyOf, toWire1 } from '../kmip/attributes.ts'
import type { Handler } from './handler.ts'
import { required } from './required.ts'

export const deleteAttribute: Handler<'DeleteAttribute'> = async (
  { transaction, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const key = keyOf(required(request.AttributeName, 'Attribute Name'), version)
  const instance = await transaction.deleteAttribute(UniqueIdentifier, {
    key,
    index: request.AttributeIndex,
    version,
  })
  return { UniqueIdentifier, Attribute: toWire1(key, instance, version) }
}
