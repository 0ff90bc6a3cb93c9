// Get Attribute List (KMIP 1.4 §4.13, 2.1 §6.1.21): the attributes that Get Attributes returns, by name (1.x) or by reference.

import { wireName } from '../../wire/kmip/attributes.ts'
import { referenceOf } from '../../wire/kmip/attributes2.ts'
import { atLeast } from '../../wire/kmip/version.ts'
import type { Handler } from './handler.ts'
import { visibleKeys } from './visible-keys.ts'

export const getAttributeList: Handler<'GetAttributeList'> = async (
  { transaction, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const attributes = await transaction.attributes('key.attributes', UniqueIdentifier)
  const keys = visibleKeys(attributes, version)
  if (atLeast(version, '2.0')) return { UniqueIdentifier, AttributeReference: keys.map(referenceOf) }
  return { UniqueIdentifier, AttributeName: keys.map(wireName) }
}
