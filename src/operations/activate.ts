// Activate (KMIP 1.4 §4.19): takes an object from Pre-Active to Active, now.

import type { Handler } from './handler.ts'

export const activate: Handler<'Activate'> = async ({ work, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  await work.activate(UniqueIdentifier)
  return { UniqueIdentifier }
}
