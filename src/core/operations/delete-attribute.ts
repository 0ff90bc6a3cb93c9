// Delete Attribute (KMIP 1.4 §4.16, 2.1 §6.1.13): removes one instance, by its index (1.x) or its value (2.x); by a reference
// (2.x) all instances. wire/kmip/attribute-rules.ts decides what may change.

import { schemaKeyOf } from '../../wire/kmip/attributes.ts'
import { keyOfReference } from '../../wire/kmip/attributes2.ts'
import { storedAs } from '../../wire/kmip/attributes3.ts'
import { atLeast } from '../../wire/kmip/version.ts'
import type { Handler } from './handler.ts'
import { required } from './required.ts'
import { oneAttribute, repeatedInstance } from './wire-attributes.ts'

export const deleteAttribute: Handler<'DeleteAttribute'> = async (
  { transaction, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  if (atLeast(version, '2.0')) {
    const { CurrentAttribute, AttributeReference } = request
    if (CurrentAttribute) {
      const { key, value } = oneAttribute(CurrentAttribute, version, 'Current Attribute')
      await transaction.deleteAttribute(UniqueIdentifier, { key, current: value, version })
    } else {
      const reference = required(AttributeReference, 'Current Attribute and no Attribute Reference')
      const stored = storedAs(keyOfReference(reference, version))
      await transaction.deleteAllInstances(UniqueIdentifier, { ...stored, version })
    }
    return { UniqueIdentifier }
  }
  // KMIP 1.4 §11.17: a name outside the specification is also Not Found.
  const key = schemaKeyOf(required(request.AttributeName, 'Attribute Name'), version, 'AttributeNotFound')
  const index = request.AttributeIndex
  const instance = await transaction.deleteAttribute(UniqueIdentifier, { key, index, version })
  return { UniqueIdentifier, ...repeatedInstance({ key, index }, instance, version) }
}
