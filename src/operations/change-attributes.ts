// Add, Modify and Delete Attribute (KMIP 1.4 §4.14 to §4.16). What may be changed stands in the attribute rules.

import { fromWire1, keyOf, toWire1 } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import type { Handler } from './handler.ts'

export const addAttribute: Handler<'AddAttribute'> = async ({ work, version, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const attribute = fromWire1(required(request.Attribute), version)
  const instance = await work.addAttribute(UniqueIdentifier, { ...attribute, version })
  return { UniqueIdentifier, Attribute: toWire1(attribute.key, instance, version) }
}

export const modifyAttribute: Handler<'ModifyAttribute'> = async (
  { work, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const attribute = fromWire1(required(request.Attribute), version)
  const instance = await work.modifyAttribute(UniqueIdentifier, { ...attribute, version })
  return { UniqueIdentifier, Attribute: toWire1(attribute.key, instance, version) }
}

export const deleteAttribute: Handler<'DeleteAttribute'> = async (
  { work, version, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const key = keyOf(required(request.AttributeName), version)
  const instance = await work.deleteAttribute(UniqueIdentifier, {
    key,
    index: request.AttributeIndex,
    version,
  })
  return { UniqueIdentifier, Attribute: toWire1(key, instance, version) }
}

function required<T>(attribute: T | undefined): T {
  if (attribute === undefined) throw new Fault('InvalidMessage', 'the request names no attribute')
  return attribute
}
