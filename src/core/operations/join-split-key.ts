// Join Split Key (KMIP 1.4 §4.39): the server makes a key from enough of its parts.

import type { Handler } from './handler.ts'
import { wantedAttributes } from './wanted-attributes.ts'

export const joinSplitKey: Handler<'JoinSplitKey'> = async (context, request) => {
  const { transaction, placeholder } = context
  const { ObjectType: objectType, SecretDataType: secretDataType } = request
  const UniqueIdentifier = await transaction.joinSplitKey({
    objectType,
    secretDataType,
    uniqueIdentifiers: request.UniqueIdentifier.map((id) => placeholder.resolve(id)),
    attributes: await wantedAttributes(request, objectType, context),
  })
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}
