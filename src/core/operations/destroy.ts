// Destroy (KMIP 1.4 §4.21): removes the material permanently and keeps the record. Refused while the object is Active.

import type { Handler } from './handler.ts'

export const destroy: Handler<'Destroy'> = async ({ transaction, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  await transaction.destroy(UniqueIdentifier)
  return { UniqueIdentifier }
}
