// Recover (KMIP 1.4 §4.23): brings an archived object back.

import type { Handler } from './handler.ts'

export const recover: Handler<'Recover'> = async ({ transaction, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  await transaction.recover(UniqueIdentifier)
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}
