// Modify Attribute (KMIP 1.4 §4.15, 2.1 §6.1.34): changes one instance, which 1.x names by its index and 2.x by its value.
// kmip/attribute-rules.ts decides what may change.

import { fromWire1, toWire1 } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import { atLeast } from '../kmip/version.ts'
import type { Handler } from './handler.ts'
import { required } from './required.ts'
import { oneAttribute } from './wire-attributes.ts'

export const modifyAttribute: Handler<'ModifyAttribute'> = async (
  { transaction, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  if (atLeast(version, '2.0')) {
    const { NewAttribute, CurrentAttribute } = request
    const changed = oneAttribute(required(NewAttribute, 'New Attribute'), version, 'New Attribute')
    const current = CurrentAttribute && oneAttribute(CurrentAttribute, version, 'Current Attribute')
    if (current && current.key !== changed.key)
      throw new Fault('InvalidField', 'Current Attribute and New Attribute must be of the same attribute')
    await transaction.modifyAttribute(UniqueIdentifier, { ...changed, current: current?.value, version })
    return { UniqueIdentifier }
  }
  const attribute = fromWire1(required(request.Attribute, 'Attribute'), version)
  const instance = await transaction.modifyAttribute(UniqueIdentifier, { ...attribute, version })
  return { UniqueIdentifier, Attribute: toWire1(attribute.key, instance, version) }
}
