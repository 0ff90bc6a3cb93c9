// The data that binds a wrapped key to its place, in the form that Key Protect takes.

import { RootKeyError } from '../../../core/ports/root-key.ts'

/**
 * Key Protect's associated data is up to 126 strings of at most 255 characters: a word for what this is, and the bytes
 * in base64. Throws RootKeyError('wrapped-form') where they do not fit.
 */
export function additionalData(associatedData: Uint8Array): readonly string[] {
  const pieces: string[] = []
  for (let at = 0; at < associatedData.length; at += pieceBytes)
    pieces.push(Buffer.from(associatedData.subarray(at, at + pieceBytes)).toString('base64'))
  if (pieces.length > 125)
    throw new RootKeyError('wrapped-form', 'that is too much associated data for Key Protect')
  return ['mortise root key 1', ...pieces]
}

/** 252 characters. */
const pieceBytes = 189
