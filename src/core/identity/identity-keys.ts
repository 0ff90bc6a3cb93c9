// The keys of a new server, of its CA and its certificate. They take a fifth of a second of processor time, beside which the
// process can load what else it needs.

import type { KeyPairKeyObjectResult } from 'node:crypto'
import { generateRsaKeys } from '../pki/rsa-keys.ts'

export interface IdentityKeys {
  readonly authority: Promise<KeyPairKeyObjectResult>
  readonly server: Promise<KeyPairKeyObjectResult>
}

/** Begins both. Whoever takes one learns of its error. */
export function beginIdentityKeys(): IdentityKeys {
  const keys = { authority: generateRsaKeys(3072), server: generateRsaKeys(2048) }
  for (const promise of Object.values(keys)) promise.catch(() => undefined)
  return keys
}
