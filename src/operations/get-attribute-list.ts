// Get Attribute List (KMIP 1.4 §4.13): the names of the attributes that Get Attributes returns.

import { wireName } from '../kmip/attributes.ts'
import type { Handler } from './handler.ts'
import { visibleKeys } from './visible-keys.ts'

export const getAttributeList: Handler<'GetAttributeList'> = async (
  { transaction, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const attributes = await transaction.attributes('key.attributes', UniqueIdentifier)
  return { UniqueIdentifier, AttributeName: visibleKeys(attributes, version).map(wireName) }
}
