// A stored public or private key in its formats: the facts in the key itself, and its other formats. Mortise stores a key in the
// format in which it came, and converts it when it leaves. Pure.

import { checkKey } from '../../crypto/key-check.ts'
import { decodeKey, encodeKey, isDerFormat, isEncryptedPkcs8, isPkcs1 } from '../../crypto/key-formats.ts'
import {
  bitLength,
  bitsOf,
  fromBigInt,
  KeyFormatError,
  wipeParts,
  type KeyParts,
} from '../../crypto/key-parts.ts'
import { inPointForm, isBinaryCurve, type PointForm } from '../../crypto/points.ts'
import { isQuantumSafe } from '../../crypto/post-quantum.ts'
import { keyFromRaw, rawOf } from '../../crypto/quantum-safe-keys.ts'
import type { AttributeSet, AttributeValue } from '../../../wire/kmip/attributes.ts'
import type { EnumName } from '../../../wire/kmip/enums.ts'
import {
  isTransparent,
  packTransparent,
  unpackTransparent,
  type KeyMaterial,
} from '../../../wire/kmip/objects.ts'
import { single } from '../object/managed-object.ts'
import { partsOfTransparent, transparentOf } from './transparent-key.ts'

export type KeyFormat = EnumName<'KeyFormatType'>
export type KeyCompression = EnumName<'KeyCompressionType'>
type Algorithm = EnumName<'CryptographicAlgorithm'>

/** The stored format and bytes of a key. Transparent forms are stored as TTLV. */
export interface FormattedKey {
  readonly isPrivate: boolean
  readonly format: KeyFormat
  readonly bytes: Uint8Array
  /** The algorithm of a key whose format is Raw. */
  readonly algorithm?: Algorithm | undefined
}

/**
 * The numbers of a key. Undefined where only the client can read them: an encrypted PKCS#8 key, or bytes without a structure
 * that KMIP knows (Opaque; Raw, except of a post-quantum algorithm). Throws KeyFormatError.
 */
export function partsOf({ isPrivate, format, bytes, algorithm }: FormattedKey): KeyParts | undefined {
  if (format === 'Raw' && isQuantumSafe(algorithm)) return keyFromRaw(algorithm, isPrivate, bytes)
  if (isTransparent(format)) return partsOfTransparent(format, unpackTransparent(format, bytes))
  const actual = actualFormat(isPrivate, format, bytes)
  if (!isDerFormat(actual)) return undefined
  if (isPrivate && actual !== 'PKCS_1' && isEncryptedPkcs8(bytes)) return undefined
  return decodeKey(actual, isPrivate, bytes)
}

/** The real format of the bytes, which may differ from the client's name for it. */
export function actualFormat(isPrivate: boolean, format: KeyFormat, bytes: Uint8Array): KeyFormat {
  return format === (isPrivate ? 'PKCS_8' : 'X_509') && isPkcs1(bytes) ? 'PKCS_1' : format
}

/** The facts in the key itself. */
export interface KeyFacts {
  readonly lengthBits?: number | undefined
  readonly algorithms?: readonly Algorithm[] | undefined
  readonly attributes: AttributeSet
}

/** Checks the key. Throws KeyFormatError. */
export function keyFacts(key: FormattedKey): KeyFacts {
  const { format, isPrivate, bytes } = key
  if (isTransparent(format) && format.endsWith('PrivateKey') !== isPrivate)
    throw new KeyFormatError(`${format} is not the format of a ${isPrivate ? 'private' : 'public'} key`)
  const parts = partsOf(key)
  if (parts) {
    checkKey(parts)
    const facts = { lengthBits: bitsOf(parts), algorithms: algorithmsOf(parts), attributes: domainOf(parts) }
    if (isTransparent(format)) wipeParts(parts)
    return facts
  }
  const modulus = format === 'TransparentRSAPrivateKey' ? unpackTransparent(format, bytes) : undefined
  if (!modulus || !('Modulus' in modulus)) return { attributes: new Map() }
  return { lengthBits: bitLength(fromBigInt(modulus.Modulus)), algorithms: ['RSA'], attributes: new Map() }
}

/** The algorithms that a key on a curve with points can be for. */
export const curveAlgorithms: readonly Algorithm[] = ['EC', 'ECDSA', 'ECDH', 'ECMQV']

/** The algorithms that a key can be for, the most general one first. */
export function algorithmsOf(parts: KeyParts): readonly Algorithm[] {
  if (parts.kind === 'ec') return curveAlgorithms
  if (parts.kind === 'quantum-safe') return [parts.algorithm]
  if (parts.kind !== 'bytes') return [discrete[parts.kind]]
  if (parts.curve === 'Ed25519' || parts.curve === 'Ed448') return [parts.curve, 'EC', 'ECDSA']
  return ['ECDH', 'EC']
}

const discrete = { rsa: 'RSA', dsa: 'DSA', dh: 'DH' } as const

function domainOf(parts: KeyParts): AttributeSet {
  const domain = domainParameters(parts)
  return new Map(domain ? [['CryptographicDomainParameters', single(domain)]] : [])
}

function domainParameters(parts: KeyParts): AttributeValue<'CryptographicDomainParameters'> | undefined {
  if (parts.kind === 'ec') return { RecommendedCurve: parts.curve }
  if (parts.kind === 'bytes')
    return { RecommendedCurve: parts.curve.endsWith('448') ? 'CURVE448' : 'CURVE25519' }
  return 'order' in parts && parts.order ? { Qlength: bitLength(parts.order) } : undefined
}

/**
 * The key in another format; undefined if it has no such form. The caller wipes the bytes. `compression`: of the point of a
 * public key on a curve; left out, the point stays as it is.
 */
export function inFormat(
  key: FormattedKey,
  format: KeyFormat,
  compression?: KeyCompression,
): KeyMaterial | undefined {
  if (format === key.format && compression === undefined) return wireMaterial(key)
  const stored = partsOf(key)
  const hasPoint = stored?.kind === 'ec' && !stored.isPrivate
  if (format === key.format && compression === uncompressed && !hasPoint) return wireMaterial(key)
  const parts = stored && compression !== undefined ? compressed(stored, compression) : stored
  if (!parts) return undefined
  try {
    if (isTransparent(format)) return transparentOf(format, parts)
    if (format === 'Raw' && parts.kind === 'quantum-safe') return rawCopy(parts)
    return isDerFormat(format) ? encodeKey(format, parts) : undefined
  } finally {
    // The numbers of a DER form are views into the stored bytes, which the caller wipes.
    if (isTransparent(key.format)) wipeParts(parts)
  }
}

/** Undefined if the key has no such form. */
function compressed(parts: KeyParts, compression: KeyCompression): KeyParts | undefined {
  if (parts.kind !== 'ec' || parts.isPrivate) return compression === uncompressed ? parts : undefined
  const { form, binary } = pointForms[compression]
  if (binary !== undefined && binary !== isBinaryCurve(parts.curve)) return undefined
  return inPointForm(parts, form)
}

/** A point has this form by default (KMIP 1.4 §2.1.3). */
export const uncompressed = 'ECPublicKeyTypeUncompressed'

/** KMIP 1.4 §9.1.3.2.2. `binary`: whether the form is for binary curves. */
const pointForms: Readonly<Record<KeyCompression, { readonly form: PointForm; readonly binary?: boolean }>> =
  {
    [uncompressed]: { form: 'uncompressed' },
    ECPublicKeyTypeX9_62CompressedPrime: { form: 'compressed', binary: false },
    ECPublicKeyTypeX9_62CompressedChar2: { form: 'compressed', binary: true },
    ECPublicKeyTypeX9_62Hybrid: { form: 'hybrid' },
  }

function rawCopy(parts: KeyParts & { readonly kind: 'quantum-safe' }): Buffer | undefined {
  const raw = rawOf(parts)
  return raw && Buffer.from(raw)
}

/** The Key Material as it came. */
export function wireMaterial({ format, bytes }: Pick<FormattedKey, 'format' | 'bytes'>): KeyMaterial {
  return isTransparent(format) ? unpackTransparent(format, bytes) : bytes
}

/** The Key Material as Mortise stores it: a copy. Throws KeyFormatError if it does not fit the format. */
export function storedMaterial(format: KeyFormat, material: KeyMaterial): Buffer {
  if (isTransparent(format) && !(material instanceof Uint8Array)) return packTransparent(format, material)
  if (!isTransparent(format) && material instanceof Uint8Array) return Buffer.from(material)
  throw new KeyFormatError('the Key Material does not match the Key Format Type')
}
