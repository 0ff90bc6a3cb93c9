// The form that wrap returns to be kept: Key Protect's ciphertext, which is opaque text, with the id of the key version
// that made it and a checksum. So what is on an old version can be told without asking the service, and damage is found
// at home. The checksum is no protection against anyone: that is the authenticated encryption inside.
//
//     1 byte   format: 1
//     1 byte   length of the key version's id
//     n bytes  the key version's id
//     8 bytes  the first of SHA-256 over the format's name, the id and the ciphertext
//     rest     the ciphertext, as the service wrote it

import { createHash } from 'node:crypto'
import { limits } from '../../limits.ts'
import { RootKeyError } from '../../ports/root-key.ts'

export interface WrappedForm {
  /** Base64, for the service alone to understand. */
  readonly ciphertext: string
  /** Empty where the service did not tell. */
  readonly keyVersion: string
}

const format = 1
const checksumBytes = 8

export function packWrappedForm({ ciphertext, keyVersion }: WrappedForm): Buffer {
  const version = Buffer.from(keyVersion, 'latin1')
  const text = Buffer.from(ciphertext, 'latin1')
  return Buffer.concat([Buffer.of(format, version.length), version, checksum(version, text), text])
}

/** Throws RootKeyError('wrapped-form'). */
export function unpackWrappedForm(wrapped: Uint8Array): WrappedForm {
  const bytes = Buffer.from(wrapped.buffer, wrapped.byteOffset, wrapped.length)
  const versionEnd = 2 + (bytes[1] ?? 0)
  const version = bytes.subarray(2, versionEnd)
  const text = bytes.subarray(versionEnd + checksumBytes)
  if (
    bytes[0] !== format ||
    bytes.length > limits.wrappedKeyBytesMax ||
    text.length === 0 ||
    !checksum(version, text).equals(bytes.subarray(versionEnd, versionEnd + checksumBytes))
  )
    throw new RootKeyError(
      'wrapped-form',
      'this was not wrapped by Key Protect or HPCS, or it was damaged since',
      { altered: true },
    )
  return { ciphertext: text.toString('latin1'), keyVersion: version.toString('latin1') }
}

function checksum(version: Buffer, text: Buffer): Buffer {
  const hash = createHash('sha256').update('mortise key protect wrapped form 1\n')
  return hash.update(version).update('\n').update(text).digest().subarray(0, checksumBytes)
}

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
