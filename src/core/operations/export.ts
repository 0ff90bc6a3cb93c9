// Export (KMIP 1.4 §4.40): an object as in Get, by the same rules, with all its attributes. For a destroyed object it returns
// only the attributes.

import { requireWord } from '../keys/forms/given-object.ts'
import { fetchOptions, contentOf } from './get.ts'
import type { Handler } from './handler.ts'
import { visibleKeys } from './visible-keys.ts'
import { answeredAttributes } from './wire-attributes.ts'

export const exportObject: Handler<'Export'> = async (context, request) => {
  const { transaction, version, placeholder } = context
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const left = await transaction.exportWhole(UniqueIdentifier, fetchOptions(request))
  requireWord('ObjectType', left.objectType, version)
  placeholder.set(UniqueIdentifier)
  const keys = visibleKeys(left.attributes, version)
  return {
    ObjectType: left.objectType,
    UniqueIdentifier,
    ...answeredAttributes(left.attributes, keys, version),
    ...(left.object && (await contentOf(context, left.object, request))),
  }
}
