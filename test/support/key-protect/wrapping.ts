// Wrapping as Key Protect does it, as far as it can be seen from outside: AES-GCM under the material of one key version,
// with the additional authenticated data of the caller, in a JSON envelope in base64 that names the version.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { badField, refusal } from './refusal.ts'
import type { Key, KeyVersion } from './state.ts'

interface Envelope {
  readonly ciphertext: string
  readonly iv: string
  readonly version: string
  readonly handle: string
}

export interface Wrapped {
  readonly ciphertext: string
  readonly version: KeyVersion
}

/** Under the newest version. */
export function wrap(key: Key, plaintext: Buffer, aad: readonly string[]): Wrapped {
  const version = newest(key)
  const material = Buffer.from(version.material, 'base64')
  const iv = randomBytes(12)
  const cipher = createCipheriv(algorithm(material), material, iv)
  cipher.setAAD(encodeAad(aad))
  const sealed = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  const envelope: Envelope = {
    ciphertext: sealed.toString('base64'),
    iv: iv.toString('base64'),
    version: '4.0.0',
    handle: version.id,
  }
  return { ciphertext: Buffer.from(JSON.stringify(envelope)).toString('base64'), version }
}

/** Under the version that the envelope names, or any with the same material: other keys may have it too. */
export function unwrap(
  key: Key,
  ciphertext: string,
  aad: readonly string[],
): { readonly plaintext: Buffer; readonly version: KeyVersion } {
  const envelope = parseEnvelope(ciphertext)
  const named = key.versions.filter(({ id }) => id === envelope.handle)
  for (const version of [...named, ...key.versions.toReversed()]) {
    const plaintext = open(version, envelope, aad)
    if (plaintext) return { plaintext, version }
  }
  throw refusal('UNPROCESSABLE_CIPHERTEXT_ERR', { doing: 'Could not unwrap key' })
}

export function newest(key: Key): KeyVersion {
  const version = key.versions.at(-1)
  if (!version) throw refusal('KEY_NOT_FOUND_ERR')
  return version
}

function parseEnvelope(ciphertext: string): Envelope {
  const bytes = decodeBase64(ciphertext)
  if (!bytes)
    throw badField(
      'ciphertext',
      'the original base64 encoded ciphertext from the wrap operation: illegal base64 data',
    )
  try {
    const envelope = JSON.parse(bytes.toString('utf8')) as Partial<Envelope>
    const { ciphertext: sealed, iv, version, handle } = envelope
    if (
      typeof sealed === 'string' &&
      typeof iv === 'string' &&
      version === '4.0.0' &&
      typeof handle === 'string'
    )
      return { ciphertext: sealed, iv, version, handle }
  } catch {
    // Refused below.
  }
  throw refusal('UNPROCESSABLE_CIPHERTEXT_ERR', { doing: 'Could not unwrap key' })
}

function open(
  { material: text }: KeyVersion,
  envelope: Envelope,
  aad: readonly string[],
): Buffer | undefined {
  const material = Buffer.from(text, 'base64')
  const [sealed, iv] = [decodeBase64(envelope.ciphertext), decodeBase64(envelope.iv)]
  if (!sealed || sealed.length <= 16 || iv?.length !== 12) return undefined
  const decipher = createDecipheriv(algorithm(material), material, iv)
  decipher.setAAD(encodeAad(aad))
  decipher.setAuthTag(sealed.subarray(-16))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()])
  } catch {
    return undefined
  }
}

function algorithm(material: Buffer): 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm' {
  if (material.length === 32) return 'aes-256-gcm'
  return material.length === 24 ? 'aes-192-gcm' : 'aes-128-gcm'
}

/** ["a", "b"] must differ from ["ab"] and from ["b", "a"]. */
function encodeAad(aad: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify(aad))
}

/** Strict: Node's own decoder takes anything. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
