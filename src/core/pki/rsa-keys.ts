// Generates RSA keys. OpenSSL does it on the thread pool, so that the server can answer requests meanwhile.

import { generateKeyPair, type KeyPairKeyObjectResult } from 'node:crypto'
import { promisify } from 'node:util'

/** 2048 bits take some 40 ms of a thread, 3072 some 180 ms. Single keys may take several times as long. */
export function generateRsaKeys(modulusLength: 2048 | 3072): Promise<KeyPairKeyObjectResult> {
  return promisify(generateKeyPair)('rsa', { modulusLength })
}
