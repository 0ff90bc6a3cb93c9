// The keys of a new server: of its CA and of its certificate. They take a fifth of a second of processor time, during which the
// process can load its other modules.

import type { KeyPairKeyObjectResult } from 'node:crypto'
import { generateRsaKeys } from '../pki/rsa-keys.ts'

export interface IdentityKeys {
  readonly authority: Promise<KeyPairKeyObjectResult>
  readonly server: Promise<KeyPairKeyObjectResult>
}

/** Begins to make both keys. A caller that awaits one receives its error. */
export function beginIdentityKeys(): IdentityKeys {
  const keys = { authority: generateRsaKeys(3072), server: generateRsaKeys(2048) }
  for (const promise of Object.values(keys)) promise.catch(() => undefined)
  return keys
}
