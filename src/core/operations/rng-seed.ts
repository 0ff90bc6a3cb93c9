// RNG Seed (KMIP 1.4 §4.36). The operating system seeds the generator. The server uses no seed from clients, which the
// specification permits, and answers that it used none of the data.

import { bytesOf } from './data.ts'
import type { Handler } from './handler.ts'

export const rngSeed: Handler<'RNGSeed'> = async ({ transaction }, request) => {
  transaction.crypto.seed(bytesOf(request.Data)?.length ?? 0)
  return { DataLength: 0 }
}
