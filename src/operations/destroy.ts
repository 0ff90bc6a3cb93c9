// Destroy (KMIP 1.4 §4.21): the material is removed for good, the record stays. Refused while Active.

import type { Handler } from './handler.ts'

export const destroy: Handler<'Destroy'> = async ({ work, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  await work.destroy(UniqueIdentifier)
  return { UniqueIdentifier }
}
