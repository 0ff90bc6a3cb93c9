// Keys that wrap others and take no associated data: they wrap a content key that is used once, and the content key seals the secret,
// in this process, with AES-GCM and the place of the secret as associated data. So it is with AES key wrap and RSA-OAEP, on tokens
// and in Azure.

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { RootKeyError } from '../../core/ports/root-key.ts'

export const contentKeyBytes = 32
export const tagBytes = 16
// Each content key seals once, so that a fixed IV never meets a second message.
const fixedIv = Buffer.alloc(12)

/** The ciphertext and its tag. Wipes the content key. */
export function sealOnce(contentKey: Buffer, secret: Uint8Array, associatedData: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', contentKey, fixedIv).setAAD(associatedData)
  contentKey.fill(0)
  return Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()])
}

/** Wipes the content key. Throws RootKeyError('wrapped-form') if the sealed bytes were altered, or belong to another place. */
export function openOnce(contentKey: Buffer, sealed: Uint8Array, associatedData: Uint8Array): Buffer {
  if (contentKey.length !== contentKeyBytes || sealed.length < tagBytes) throw altered()
  const decipher = createDecipheriv('aes-256-gcm', contentKey, fixedIv).setAAD(associatedData)
  contentKey.fill(0)
  decipher.setAuthTag(sealed.subarray(-tagBytes))
  const secret = decipher.update(sealed.subarray(0, -tagBytes))
  try {
    decipher.final()
    return secret
  } catch (cause) {
    secret.fill(0)
    throw altered(cause)
  }
}

/**
 * Any program that has the public key can encrypt for an RSA key. So that only the key's owner can seal, the content key has two halves: one
 * that was encrypted, and a signature (PKCS#1 1.5) over `signedText`, which is always equal and which Mortise never shows. Wipes both.
 */
export function joinHalves(half: Buffer, signature: Buffer): Buffer {
  const derived = hkdfSync('sha256', half, signature, 'mortise content key', contentKeyBytes)
  half.fill(0)
  signature.fill(0)
  return Buffer.from(derived)
}

export const signedText = Buffer.from('mortise: who can sign this can seal with this key\n')

export function altered(cause?: unknown): RootKeyError {
  const message =
    'this key did not seal this, or it was changed, or it is in another place than where it was put'
  return new RootKeyError('wrapped-form', message, { cause, altered: true })
}
