// Generates RSA keys. OpenSSL does it on the thread pool, so that the server answers others meanwhile.

import { generateKeyPair, type KeyPairKeyObjectResult } from 'node:crypto'
import { promisify } from 'node:util'

/** 2048 bits take some 40 ms of a thread, 3072 some 180 ms; single keys take several times that. */
export function generateRsaKeys(modulusLength: 2048 | 3072): Promise<KeyPairKeyObjectResult> {
  return promisify(generateKeyPair)('rsa', { modulusLength })
}
