// Import (KMIP 1.4 §4.41): stores an object under the identifier and with the attributes that the client gives.

import { Fault } from '../kmip/fault.ts'
import { managedObjects } from '../kmip/objects.ts'
import type { Request } from '../kmip/operations.ts'
import { broughtObject } from '../keys/brought-object.ts'
import type { ObjectType } from '../keys/managed-object.ts'
import type { Handler } from './handler.ts'
import { importedAttributes } from './imported-attributes.ts'
import { givenAttributes } from './wire-attributes.ts'

export const importObject: Handler<'Import'> = async ({ transaction, version, placeholder }, request) => {
  const { UniqueIdentifier, ReplaceExisting: replace = false, KeyWrapType } = request
  const objectType = typeOf(request)
  const brought = broughtObject(objectType, request)
  try {
    const about = { version, objectType, uniqueIdentifier: UniqueIdentifier }
    const { given, state } = importedAttributes(givenAttributes(request, version), about)
    await transaction.import({
      uniqueIdentifier: UniqueIdentifier,
      objectType,
      given,
      state,
      brought,
      replace,
      unwrap: KeyWrapType === 'NotWrapped',
    })
    placeholder.set(UniqueIdentifier)
    return { UniqueIdentifier }
  } finally {
    brought.material.bytes.fill(0)
  }
}

/** The request of 1.4 has no Object Type: the object says it. */
function typeOf(request: Request<'Import'>): ObjectType {
  const [type, ...more] = (Object.keys(managedObjects) as (keyof typeof managedObjects)[]).filter(
    (name) => request[name] !== undefined,
  )
  if (type !== undefined && more.length === 0 && (request.ObjectType ?? type) === type) return type
  throw new Fault('InvalidField', 'an Import has one object, of the type that it states')
}
