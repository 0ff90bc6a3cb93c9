// Archive (KMIP 1.4 §4.22): the client needs the object no more for a time; until it is recovered, nobody gets or uses it.

import type { Handler } from './handler.ts'

export const archive: Handler<'Archive'> = async ({ transaction, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  await transaction.archive(UniqueIdentifier)
  return { UniqueIdentifier }
}
