// Stores the system objects of KMIP 3.0, a draft: groups, users and users' credentials. The server stores, names, describes and
// destroys them like other objects, and nothing more: only its administrator decides who may use an instance.

import type { Request } from '../../wire/kmip/operations.ts'
import type { SystemObjectType } from '../keys/object/managed-object.ts'
import type { Context } from './handler.ts'
import { requestedAttributes } from './requested-attributes.ts'
import { defaulted } from './wanted-attributes.ts'

/** Returns its identifier, and makes it the ID Placeholder. */
export async function keepSystemObject(
  context: Context,
  objectType: SystemObjectType,
  request: Pick<Request<'CreateCredential'>, 'Attributes'>,
  bytes: Buffer = Buffer.of(),
): Promise<string> {
  const { transaction, version, placeholder } = context
  const requested = requestedAttributes(request, { version, objectType })
  const attributes = await defaulted(requested, objectType, context)
  const identifier = await transaction.register({ objectType, attributes }, { bytes, head: {} })
  placeholder.set(identifier)
  return identifier
}
