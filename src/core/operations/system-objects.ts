// Keeps the system objects of KMIP 3.0, a draft: groups, users, and what users prove themselves with. They are kept, named, described
// and destroyed like other objects, and nothing more: who may use an instance is what its administrator decides.

import type { Request } from '../../wire/kmip/operations.ts'
import type { SystemObjectType } from '../keys/object/managed-object.ts'
import type { Context } from './handler.ts'
import { requestedAttributes } from './requested-attributes.ts'
import { defaulted } from './wanted-attributes.ts'

/** Returns its identifier, which the ID Placeholder is from now on. */
export async function keepSystemObject(
  context: Context,
  objectType: SystemObjectType,
  asked: Pick<Request<'CreateCredential'>, 'Attributes'>,
  bytes: Buffer = Buffer.of(),
): Promise<string> {
  const { transaction, version, placeholder } = context
  const requested = requestedAttributes(asked, { version, objectType })
  const attributes = await defaulted(requested, objectType, context)
  const identifier = await transaction.register({ objectType, attributes }, { bytes, head: {} })
  placeholder.set(identifier)
  return identifier
}
