// Adjust Attribute (KMIP 2.1 §6.1.3): changes the only instance of an attribute by its old value: more, less, or the opposite.

import { keyOfReference } from '../../wire/kmip/attributes2.ts'
import type { Handler } from './handler.ts'

export const adjustAttribute: Handler<'AdjustAttribute'> = async (
  { transaction, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  await transaction.adjustAttribute(UniqueIdentifier, {
    key: keyOfReference(request.AttributeReference, version),
    adjustment: request.AdjustmentType,
    by: request.AdjustmentValue,
    version,
  })
  return { UniqueIdentifier }
}
