// Activate (KMIP 1.4 §4.19): takes an object from Pre-Active to Active, now.

import type { Handler } from './handler.ts'

export const activate: Handler<'Activate'> = async ({ transaction, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  await transaction.activate(UniqueIdentifier)
  return { UniqueIdentifier }
}
