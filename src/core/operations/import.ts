// Import (KMIP 1.4 §4.41): stores an object under the identifier and with the attributes that the client gives.

import { Fault } from '../../wire/kmip/fault.ts'
import { managedObjects } from '../../wire/kmip/objects.ts'
import type { Request } from '../../wire/kmip/operations.ts'
import { broughtObject, type BroughtObject } from '../keys/forms/brought-object.ts'
import type { ImportedKey } from '../keys/certificates/pkcs12.ts'
import type { ObjectType } from '../keys/object/managed-object.ts'
import { enclosedAttributes } from './enclosed-attributes.ts'
import type { Context, Handler } from './handler.ts'
import { importedAttributes } from './imported-attributes.ts'
import { pkcs12In } from './pkcs12-in.ts'
import { overlaid } from './wanted-attributes.ts'
import { givenAttributes } from './wire-attributes.ts'

export const importObject: Handler<'Import'> = async ({ transaction, version, placeholder }, request) => {
  const { UniqueIdentifier, ReplaceExisting: replace = false, KeyWrapType } = request
  const objectType = typeOf(request)
  const about = { version, objectType, uniqueIdentifier: UniqueIdentifier }
  const { attributes: stated, state } = importedAttributes(givenAttributes(request, version), about)
  const key = {
    uniqueIdentifier: UniqueIdentifier,
    objectType,
    attributes: overlaid(enclosedAttributes(objectType, request, version), stated),
    state,
    replace,
    unwrap: KeyWrapType === 'NotWrapped',
  }
  const container = pkcs12In(request)
  if (container) await transaction.certificates.importPkcs12(container, key)
  else await importBrought(transaction, key, broughtObject(objectType, request))
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}

async function importBrought(
  transaction: Context['transaction'],
  key: ImportedKey,
  brought: BroughtObject,
): Promise<void> {
  try {
    await transaction.import({ ...key, brought })
  } finally {
    brought.material.bytes.fill(0)
  }
}

/** An Import of 1.4 has no Object Type: the object itself shows it. */
function typeOf(request: Request<'Import'>): ObjectType {
  const [type, ...more] = (Object.keys(managedObjects) as (keyof typeof managedObjects)[]).filter(
    (name) => request[name] !== undefined,
  )
  if (type !== undefined && more.length === 0 && (request.ObjectType ?? type) === type) return type
  throw new Fault('InvalidField', 'an Import has one object, of the type that it states')
}
