// Create (KMIP 1.4 §4.1): a symmetric key, made by the server.

import { Fault } from '../kmip/fault.ts'
import type { Handler } from './handler.ts'
import { requestedAttributes } from './requested-attributes.ts'

export const create: Handler<'Create'> = async ({ work, version, placeholder }, request) => {
  const { ObjectType } = request
  if (ObjectType !== 'SymmetricKey')
    throw new Fault('InvalidField', `Create makes symmetric keys, not objects of type ${ObjectType}`)
  const attributes = requestedAttributes(request, { version, objectType: ObjectType })
  const UniqueIdentifier = await work.create({ objectType: ObjectType, attributes })
  placeholder.set(UniqueIdentifier)
  return { ObjectType, UniqueIdentifier }
}
