// Tries a root key before it is used.

import { randomBytes } from 'node:crypto'
import { RootKeyError, type RootKey } from '../../core/ports/root-key.ts'

/** Seals a random sample and opens it again. Returns the sealed form. Throws RootKeyError. */
export async function sealAndOpen(rootKey: RootKey): Promise<Uint8Array> {
  const sample = randomBytes(32)
  const place = Buffer.from('mortise check of a root key')
  const wrapped = await rootKey.wrap(sample, place)
  if (sample.equals(await rootKey.unwrap(wrapped, place))) return wrapped
  throw new RootKeyError('unreachable', `the root key ${rootKey.id} unwraps something else than it wrapped`)
}
