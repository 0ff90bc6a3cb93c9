// Seals under root keys that take no associated data: AES key wrap and RSA-OAEP, on tokens and in Azure. Such a root key wraps a content
// key. The content key seals one secret, in this process, with AES-GCM and the place of the secret as associated data.

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { RootKeyError } from '../../core/ports/root-key.ts'

export const contentKeyBytes = 32
export const tagBytes = 16
// Each content key seals once, so that a fixed IV never meets a second message.
const fixedIv = Buffer.alloc(12)

/** Returns the ciphertext and its tag. Wipes the content key. */
export function sealOnce(contentKey: Buffer, secret: Uint8Array, associatedData: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', contentKey, fixedIv).setAAD(associatedData)
  contentKey.fill(0)
  return Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()])
}

/**
 * Wipes the content key. Throws RootKeyError('wrapped-form') if a length is wrong, the sealed bytes were altered, or they belong to
 * another place.
 */
export function openOnce(contentKey: Buffer, sealed: Uint8Array, associatedData: Uint8Array): Buffer {
  const isPlausible = contentKey.length === contentKeyBytes && sealed.length >= tagBytes
  const decipher = isPlausible ? createDecipheriv('aes-256-gcm', contentKey, fixedIv) : undefined
  contentKey.fill(0)
  if (!decipher) throw alteredSealing()
  decipher.setAAD(associatedData)
  decipher.setAuthTag(sealed.subarray(-tagBytes))
  const secret = decipher.update(sealed.subarray(0, -tagBytes))
  try {
    decipher.final()
    return secret
  } catch (cause) {
    secret.fill(0)
    throw alteredSealing(cause)
  }
}

/**
 * Derives the content key of an RSA key from two halves: a random one, which is stored encrypted with the public key, and the signature
 * (PKCS#1 1.5) of the private key over `signedText`, which Mortise never stores or shows. Any program with the public key can encrypt,
 * but only the key's owner can sign: so only the owner can seal. The signature is the same each time. Wipes both halves.
 */
export function joinHalves(half: Buffer, signature: Buffer): Buffer {
  const derived = hkdfSync('sha256', half, signature, 'mortise content key', contentKeyBytes)
  half.fill(0)
  signature.fill(0)
  return Buffer.from(derived)
}

export const signedText = Buffer.from('mortise: who can sign this can seal with this key\n')

export function alteredSealing(cause?: unknown): RootKeyError {
  const message =
    'this key did not seal this, or it was changed, or it is in another place than where it was put'
  return new RootKeyError('wrapped-form', message, { cause, altered: true })
}
