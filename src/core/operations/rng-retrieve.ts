// RNG Retrieve (KMIP 1.4 §4.35): random bytes of the generator that makes the keys.

import type { Handler } from './handler.ts'

export const rngRetrieve: Handler<'RNGRetrieve'> = async ({ transaction }, request) => {
  return { Data: await transaction.crypto.random(request.DataLength) }
}
