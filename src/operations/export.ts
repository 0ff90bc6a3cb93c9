// Export (KMIP 1.4 §4.40): an object as Get gives it, by the same rules, together with all its attributes. A destroyed object
// leaves its attributes alone.

import { existsIn, toWire1 } from '../kmip/attributes.ts'
import { fetchWanted, given } from './get.ts'
import type { Handler } from './handler.ts'
import { visibleKeys } from './visible-keys.ts'

export const exportObject: Handler<'Export'> = async (context, request) => {
  const { transaction, version, placeholder } = context
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const left = await transaction.exportWhole(UniqueIdentifier, fetchWanted(request))
  placeholder.set(UniqueIdentifier)
  return {
    ObjectType: left.objectType,
    UniqueIdentifier,
    Attribute: visibleKeys(left.attributes, version).flatMap((key) =>
      (left.attributes.get(key) ?? [])
        .filter(({ value }) => existsIn(key, version, value))
        .map((instance) => toWire1(key, instance, version)),
    ),
    ...(left.object && (await given(context, left.object, request))),
  }
}
