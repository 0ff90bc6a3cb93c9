// Add Attribute (KMIP 1.4 §4.14, 2.1 §6.1.2): adds one instance; in 1.x the server gives its index. wire/kmip/attribute-rules.ts
// decides what may change.

import type { Handler } from './handler.ts'
import { changedAttribute, repeatedInstance } from './wire-attributes.ts'

export const addAttribute: Handler<'AddAttribute'> = async (
  { transaction, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const added = changedAttribute(request, version)
  const instance = await transaction.addAttribute(UniqueIdentifier, { ...added, version })
  return { UniqueIdentifier, ...repeatedInstance(added, instance, version) }
}
