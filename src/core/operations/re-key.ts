// Re-key (KMIP 1.4 §4.4): a new key replaces a symmetric key; core/keys/acts/re-key.ts says what it takes over.

import type { Handler } from './handler.ts'
import { wantedAttributes } from './wanted-attributes.ts'

export const reKey: Handler<'ReKey'> = async (context, request) => {
  const { transaction, placeholder } = context
  const existing = placeholder.resolve(request.UniqueIdentifier)
  const attributes = await wantedAttributes(request, 'SymmetricKey', context)
  const UniqueIdentifier = await transaction.reKey(existing, { offset: request.Offset, attributes })
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}
