// Modify Attribute (KMIP 1.4 §4.15, 2.1 §6.1.34): changes one instance, which 1.x names by its index and 2.x by its value.
// wire/kmip/attribute-rules.ts decides what may change.

import { Fault } from '../../wire/kmip/fault.ts'
import type { Handler } from './handler.ts'
import { changedAttribute, oneAttribute, repeatedInstance } from './wire-attributes.ts'

export const modifyAttribute: Handler<'ModifyAttribute'> = async (
  { transaction, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const changed = changedAttribute(request, version)
  const { CurrentAttribute } = request
  const current = CurrentAttribute && oneAttribute(CurrentAttribute, version, 'Current Attribute')
  if (current && current.key !== changed.key)
    throw new Fault('InvalidField', 'Current Attribute and New Attribute must be of the same attribute')
  const instance = await transaction.modifyAttribute(UniqueIdentifier, {
    ...changed,
    current: current?.value,
    version,
  })
  return { UniqueIdentifier, ...repeatedInstance(changed, instance, version) }
}
