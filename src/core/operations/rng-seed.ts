// RNG Seed (KMIP 1.4 §4.36). The system seeds the generator. The server takes nothing from clients, which the specification
// permits, and says so: none of the data was used.

import { bytesOf } from './data.ts'
import type { Handler } from './handler.ts'

export const rngSeed: Handler<'RNGSeed'> = async ({ transaction }, request) => {
  transaction.crypto.seed(bytesOf(request.Data)?.length ?? 0)
  return { DataLength: 0 }
}
