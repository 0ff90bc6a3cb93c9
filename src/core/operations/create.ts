// Create (KMIP 1.4 §4.1): the server generates a symmetric key; since 1.4 also secret data, as random bytes.

import { Fault } from '../../wire/kmip/fault.ts'
import { atLeast } from '../../wire/kmip/version.ts'
import type { Handler } from './handler.ts'
import { defaulted, wantedAttributes } from './wanted-attributes.ts'

export const create: Handler<'Create'> = async (context, request) => {
  const { transaction, version, placeholder } = context
  const { ObjectType } = request
  const secret = ObjectType === 'SecretData' && atLeast(version, '1.4')
  if (ObjectType !== 'SymmetricKey' && !secret)
    throw new Fault('InvalidField', `Create makes no objects of type ${ObjectType} in KMIP ${version}`)
  const attributes = await defaulted(
    await wantedAttributes(request, ObjectType, context),
    ObjectType,
    context,
  )
  const UniqueIdentifier = await transaction.create({ objectType: ObjectType, attributes })
  placeholder.set(UniqueIdentifier)
  return { ObjectType, UniqueIdentifier }
}
