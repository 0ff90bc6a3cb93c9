// Archive (KMIP 1.4 §4.22): the client does not need the object for a time. Until a Recover, no client can fetch or use it.

import type { Handler } from './handler.ts'

export const archive: Handler<'Archive'> = async ({ transaction, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  await transaction.archive(UniqueIdentifier)
  return { UniqueIdentifier }
}
