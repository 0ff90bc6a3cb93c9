// Sealing: AES-256-GCM with associated data that binds the sealed bytes to their place (design: invariant 7). Only objects'
// material and the server's own secrets use it. It holds no keys of its own.
//
// sealed object  = version 01 | nonce (12) | ciphertext | tag (16)
// plaintext      = length of head (2) | head: JSON about the material, nothing secret | material
//
// Nonces are random: one data key seals far fewer than 2^32 objects (SECURITY.md), so they do not repeat.

import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import type { EnumName } from '../../wire/kmip/enums.ts'

export interface DataKey {
  readonly id: string
  readonly key: KeyObject
}

/** The place of sealed bytes. A record that is copied to another place does not open there. */
export interface Place {
  readonly purpose: 'object' | 'secret'
  /** The instance's immutable id; empty for the server's own secrets. */
  readonly instanceId: string
  readonly identifier: string
  readonly objectType: string
}

/** The content of a managed object: its bytes, and the facts of its Key Block that are not attributes. */
export interface Material {
  readonly bytes: Buffer
  readonly head: MaterialHead
}

export interface MaterialHead {
  readonly keyFormatType?: EnumName<'KeyFormatType'>
  readonly secretDataType?: EnumName<'SecretDataType'>
  /** A number, since KMIP 1.4 §9.1.3.2.10 defines no values and only reserves a range for vendors. */
  readonly opaqueDataType?: number
  readonly certificateType?: EnumName<'CertificateType'>
  readonly certificateRequestType?: EnumName<'CertificateRequestType'>
  readonly pgpKeyVersion?: number
  readonly splitKey?: SplitKeyHead
  /** The form of an elliptic curve point, if it is not uncompressed. */
  readonly keyCompressionType?: EnumName<'KeyCompressionType'>
  /** Set if another key wraps the bytes: how it wraps them. */
  readonly wrapping?: WrappingHead
  /** Set if the key is stored elsewhere, so that there are no bytes (KMIP 1.4 §3.41). */
  readonly isElsewhere?: true
}

/** The number of this part of a split key, and the method of the split (KMIP 1.4 §2.2.5). */
export interface SplitKeyHead {
  readonly parts: number
  readonly part: number
  readonly threshold: number
  readonly method: EnumName<'SplitKeyMethod'>
  /** Decimal. */
  readonly primeFieldSize?: string
}

export interface WrappingHead {
  /** The Key Wrapping Data as TTLV, base64. Nothing in it is secret. */
  readonly data: string
  /** Whether the client sent the wrapped bytes as Key Material, within a Key Value structure. */
  readonly isInKeyValue: boolean
}

export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError'
  /** Integrity raises an alarm for errors with this property. */
  readonly altered = true
}

const formatVersion = 1
const nonceBytes = 12
const tagBytes = 16

/** Whether a data key sealed it. If not, it refers to a standard key at the service of a root key (core/custody/). */
export function isSealedByDataKey(sealed: Uint8Array): boolean {
  return sealed[0] === formatVersion
}

/** Seals bytes for one place. */
export function seal(dataKey: DataKey, place: Place, plaintext: Uint8Array): Buffer {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', dataKey.key, nonce)
  cipher.setAAD(associatedData(place, dataKey.id))
  const ciphertext = cipher.update(plaintext)
  const rest = cipher.final()
  return Buffer.concat([Buffer.of(formatVersion), nonce, ciphertext, rest, cipher.getAuthTag()])
}

/** Opens the bytes that `seal` made for the same place. EnvelopeError if they were made for another place, or altered. */
export function open(dataKey: DataKey, place: Place, sealed: Uint8Array): Buffer {
  if (sealed[0] !== formatVersion)
    throw new EnvelopeError(`sealed by format ${String(sealed[0])}, which this program does not know`)
  if (sealed.length < 1 + nonceBytes + tagBytes) throw new EnvelopeError('sealed bytes are cut off')
  const decipher = createDecipheriv('aes-256-gcm', dataKey.key, sealed.subarray(1, 1 + nonceBytes), {
    authTagLength: tagBytes,
  })
  decipher.setAAD(associatedData(place, dataKey.id))
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes))
  const plaintext = decipher.update(sealed.subarray(1 + nonceBytes, sealed.length - tagBytes))
  try {
    decipher.final()
  } catch (cause) {
    plaintext.fill(0)
    throw new EnvelopeError(`sealed bytes do not open as ${place.purpose} ${place.identifier}`, { cause })
  }
  return plaintext
}

export function sealMaterial(dataKey: DataKey, place: Place, material: Material): Buffer {
  const head = Buffer.from(JSON.stringify(material.head))
  const plaintext = Buffer.alloc(2 + head.length + material.bytes.length)
  plaintext.writeUInt16BE(head.length)
  head.copy(plaintext, 2)
  material.bytes.copy(plaintext, 2 + head.length)
  try {
    return seal(dataKey, place, plaintext)
  } finally {
    plaintext.fill(0)
  }
}

/** The caller wipes the material's bytes. */
export function openMaterial(dataKey: DataKey, place: Place, sealed: Uint8Array): Material {
  const plaintext = open(dataKey, place, sealed)
  const headLength = plaintext.readUInt16BE()
  const head = JSON.parse(plaintext.toString('utf8', 2, 2 + headLength)) as MaterialHead
  return { head, bytes: plaintext.subarray(2 + headLength) }
}

/** Makes a KeyObject from raw key bytes and wipes them. GCM is five times as fast with a KeyObject as with a Buffer. */
export function takeKey(bytes: Uint8Array): KeyObject {
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

/** Length-prefixed fields, so that different places have different associated data. */
function associatedData({ purpose, instanceId, identifier, objectType }: Place, dataKeyId: string): Buffer {
  const fields = ['mortise', String(formatVersion), purpose, instanceId, identifier, objectType, dataKeyId]
  let bytesMax = 0
  for (const field of fields) bytesMax += 4 + utf8BytesMax * field.length
  const data = Buffer.allocUnsafe(bytesMax)
  let at = 0
  for (const field of fields) {
    const bytes = data.write(field, at + 4)
    data.writeUInt32BE(bytes, at)
    at += 4 + bytes
  }
  return data.subarray(0, at)
}

/** The most bytes of a UTF-16 code unit in UTF-8. */
const utf8BytesMax = 3
