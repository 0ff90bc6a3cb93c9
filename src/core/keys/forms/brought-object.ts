// An object from outside, by Register or by adoption, in its stored form: which kinds and formats Mortise stores, the bytes, and
// the facts in the object and its Key Block. Pure.

import { isQuantumSafe } from '../../crypto/post-quantum.ts'
import { KeyFormatError } from '../../crypto/key-parts.ts'
import type { AttributeSet } from '../../../wire/kmip/attributes.ts'
import type { EnumName } from '../../../wire/kmip/enums.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { isTransparent, type KeyBlock, type KeyWrappingData } from '../../../wire/kmip/objects.ts'
import type { Request, Response } from '../../../wire/kmip/operations.ts'
import { splitKeyPrimeBytesMax } from '../../../base/bounds.ts'
import { PkiError } from '../../pki/error.ts'
import type { Material, MaterialHead } from '../../sealing/envelope.ts'
import { keyFacts, storedMaterial, type KeyFacts } from './asymmetric-key.ts'
import { certificateAttributes } from './certificate-attributes.ts'
import { single, type ObjectType, type SystemObjectType } from '../object/managed-object.ts'
import { wrappedMaterial } from './wrapping-data.ts'

/** The most bytes of key material, secret data or opaque data in one object. */
export const objectMaterialBytesMax = 512 * 1024

export interface BroughtObject {
  readonly material: Material
  readonly algorithm?: EnumName<'CryptographicAlgorithm'> | undefined
  readonly lengthBits?: number | undefined
  /** The algorithms that the key can be for, if its bytes show them. */
  readonly algorithms?: KeyFacts['algorithms']
  /** The other facts in the object, besides algorithm and length. */
  readonly attributes?: AttributeSet
}

type Carrying = Pick<Request<'Register'> & Response<'Get'>, CarriedType>

type CarriedType = Exclude<ObjectType, 'Template' | SystemObjectType>

/**
 * Throws the Fault of Register if Mortise cannot store the object. `takesDamaged`: stores a damaged or unknown key or certificate
 * as it is, since it comes from a server that will be switched off.
 */
export function broughtObject(
  objectType: ObjectType,
  message: Partial<Carrying>,
  { takesDamaged = false } = {},
): BroughtObject {
  if (objectType === 'Template') return { material: { bytes: Buffer.of(), head: {} } }
  const brought = reading(() => {
    const carried = isCarried(objectType) ? readers[objectType](message) : undefined
    return carried && { ...carried, ...factsOf(objectType, carried, takesDamaged) }
  })
  if (!brought)
    throw new Fault(
      'InvalidField',
      `Object Type is ${objectType}, but the object in the request is another or missing`,
    )
  const { bytes } = brought.material
  if (bytes.length <= objectMaterialBytesMax) return brought
  bytes.fill(0)
  throw new Fault('InvalidField', `an object may hold ${objectMaterialBytesMax} bytes at most`)
}

/** An X.509 certificate that the server makes or receives, in DER. Throws the Faults of broughtObject. */
export function broughtCertificate(der: Uint8Array): BroughtObject {
  return broughtObject('Certificate', {
    Certificate: { CertificateType: 'X_509', CertificateValue: der },
  })
}

/** Reads, and answers a damaged key or certificate as the client's mistake. */
function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof KeyFormatError || cause instanceof PkiError)
      throw new Fault('InvalidField', cause.message, { cause })
    throw cause
  }
}

/** Reads the object's facts from its bytes, and wipes the bytes of a refused object. */
function factsOf(
  objectType: ObjectType,
  carried: BroughtObject,
  takesDamaged: boolean,
): Omit<BroughtObject, 'material'> {
  const { bytes, head } = carried.material
  try {
    if (head.certificateType) return certificateAttributes(head.certificateType, bytes)
    const isPrivate = objectType === 'PrivateKey'
    if (head.isElsewhere || head.wrapping || !(isPrivate || objectType === 'PublicKey')) return {}
    const facts = keyFacts({
      isPrivate,
      format: head.keyFormatType ?? 'Raw',
      bytes,
      algorithm: carried.algorithm,
    })
    requireMatchesKey(carried, facts)
    const { algorithm = facts.algorithms?.[0], lengthBits = facts.lengthBits } = carried
    return { ...facts, algorithm, lengthBits }
  } catch (error) {
    const isDamaged = [KeyFormatError, PkiError, Fault].some((kind) => error instanceof kind)
    if (takesDamaged && isDamaged) return {}
    bytes.fill(0)
    throw error
  }
}

/** The unwrapped object, with the facts in the key. Wipes the bytes of a refused one. */
export function withUnwrapped(
  objectType: ObjectType,
  wrapped: BroughtObject,
  material: Material,
): BroughtObject {
  const carried = { ...wrapped, material }
  return reading(() => ({ ...carried, ...factsOf(objectType, carried, false) }))
}

function isCarried(objectType: ObjectType): objectType is CarriedType {
  return Object.hasOwn(readers, objectType)
}

/** Undefined if the message has no object of the type. */
const readers: Readonly<Record<CarriedType, (message: Partial<Carrying>) => BroughtObject | undefined>> = {
  SymmetricKey: ({ SymmetricKey }) => SymmetricKey && keyOf(SymmetricKey.KeyBlock, symmetricFormats),
  SecretData({ SecretData }) {
    if (!SecretData) return undefined
    const { SecretDataType: secretDataType, KeyBlock } = SecretData
    return withHead(keyOf(KeyBlock, symmetricFormats), { secretDataType })
  },
  OpaqueObject({ OpaqueObject }) {
    if (!OpaqueObject) return undefined
    const { OpaqueDataType, OpaqueDataValue } = OpaqueObject
    return { material: { bytes: Buffer.from(OpaqueDataValue), head: { opaqueDataType: OpaqueDataType } } }
  },
  PublicKey({ PublicKey }) {
    const brought = PublicKey && keyOf(PublicKey.KeyBlock, asymmetricFormats)
    if (brought?.material.head.isElsewhere) throw new Fault('InvalidField', 'the Key Block has no Key Value')
    return brought
  },
  PrivateKey: ({ PrivateKey }) => PrivateKey && keyOf(PrivateKey.KeyBlock, asymmetricFormats),
  Certificate({ Certificate }) {
    if (!Certificate) return undefined
    const { CertificateType: certificateType, CertificateValue } = Certificate
    return { material: { bytes: Buffer.from(CertificateValue), head: { certificateType } } }
  },
  CertificateRequest({ CertificateRequest }) {
    if (!CertificateRequest) return undefined
    const { CertificateRequestType: certificateRequestType, CertificateRequestValue } = CertificateRequest
    return { material: { bytes: Buffer.from(CertificateRequestValue), head: { certificateRequestType } } }
  },
  PGPKey({ PGPKey }) {
    if (!PGPKey) return undefined
    const { PGPKeyVersion: pgpKeyVersion, KeyBlock } = PGPKey
    return withHead(keyOf(KeyBlock, byteFormats), { pgpKeyVersion })
  },
  SplitKey({ SplitKey }) {
    if (!SplitKey) return undefined
    return withHead(keyOf(SplitKey.KeyBlock, byteFormats), { splitKey: splitKeyHead(SplitKey) })
  },
}

function withHead(brought: BroughtObject, more: MaterialHead): BroughtObject {
  const { bytes, head } = brought.material
  return { ...brought, material: { bytes, head: { ...head, ...more } } }
}

type KeyFormat = KeyBlock['KeyFormatType']

const symmetricFormats = (format: KeyFormat) => ['Raw', 'Opaque', 'TransparentSymmetricKey'].includes(format)
/** Formats of keys that Mortise does not parse: a part of a key does not have the key's structure. */
const byteFormats = (format: KeyFormat) => !isTransparent(format)
const asymmetricFormats = (format: KeyFormat) =>
  !['TransparentSymmetricKey', 'PKCS_12', 'PKCS_10'].includes(format)

/** KMIP 1.4 §3.41: the client keeps the key itself, or has it in a device. */
const keyIsElsewhere: AttributeSet = new Map([['KeyValuePresent', single(false)]])

/** Copies the material: the listener wipes the request's bytes, but a retry needs the material. */
function keyOf(block: KeyBlock, isKept: (format: KeyFormat) => boolean): BroughtObject {
  const { KeyFormatType: format, KeyValue, KeyCompressionType: keyCompressionType } = block
  if (!isKept(format))
    throw new Fault('KeyFormatTypeNotSupported', `this server does not keep such objects as ${format}`)
  const stated = { algorithm: block.CryptographicAlgorithm, lengthBits: block.CryptographicLength }
  const head: MaterialHead = { keyFormatType: format }
  if (KeyValue === undefined)
    return {
      material: { bytes: Buffer.of(), head: { ...head, isElsewhere: true } },
      ...stated,
      attributes: keyIsElsewhere,
    }
  if (block.KeyWrappingData) return { ...wrappedKey(block.KeyWrappingData, KeyValue, head), ...stated }
  // Compression concerns points on curves. On a symmetric key it means nothing, and some clients set it there.
  const compressed = keyCompressionType !== undefined && keyCompressionType !== 'ECPublicKeyTypeUncompressed'
  if (compressed && !isAsymmetric(format))
    throw new Fault('KeyCompressionTypeNotSupported', `a key in the format ${format} cannot be compressed`)
  const material = KeyValue instanceof Uint8Array ? KeyValue : KeyValue.KeyMaterial
  if (format === 'TransparentSymmetricKey') {
    if (material instanceof Uint8Array || !('Key' in material))
      throw new KeyFormatError('the Key Material does not match the Key Format Type')
    return { material: { bytes: Buffer.from(material.Key), head }, ...stated }
  }
  const bytes = storedMaterial(format, material)
  return { material: { bytes, head: { ...head, ...(compressed && { keyCompressionType }) } }, ...stated }
}

/** Stores a wrapped key as it came; on request the server unwraps it, if it has the wrapping key. */
function wrappedKey(
  data: KeyWrappingData,
  value: NonNullable<KeyBlock['KeyValue']>,
  head: MaterialHead,
): Pick<BroughtObject, 'material'> {
  const { bytes, wrapping } = wrappedMaterial(head.keyFormatType ?? 'Raw', data, value)
  return { material: { bytes, head: { ...head, wrapping } } }
}

function isAsymmetric(format: KeyFormat): boolean {
  return format === 'X_509' || (isTransparent(format) && format !== 'TransparentSymmetricKey')
}

/**
 * Throws Fault InvalidField if the stated facts of a key contradict the key itself. A stated length may count whole bytes: 528
 * bits for the curve P-521.
 */
export function requireMatchesKey(
  stated: Pick<BroughtObject, 'algorithm' | 'lengthBits'>,
  { algorithms, lengthBits }: Pick<BroughtObject, 'algorithms' | 'lengthBits'>,
): void {
  if (algorithms && stated.algorithm !== undefined && !algorithms.includes(stated.algorithm))
    throw new Fault(
      'InvalidField',
      `Cryptographic Algorithm is ${stated.algorithm}, but this is a key of ${algorithms[0] ?? ''}`,
    )
  // No draft defines the length of such a key.
  if (isQuantumSafe(algorithms?.[0])) return
  const bits = stated.lengthBits
  if (lengthBits === undefined || bits === undefined) return
  if (bits !== lengthBits && bits !== Math.ceil(lengthBits / 8) * 8)
    throw new Fault(
      'InvalidField',
      `Cryptographic Length is ${bits}, but the Key Material has ${lengthBits} bits`,
    )
}

type SplitKey = NonNullable<Request<'Register'>['SplitKey']>

function splitKeyHead(split: SplitKey): NonNullable<MaterialHead['splitKey']> {
  const { SplitKeyParts: parts, KeyPartIdentifier: part, SplitKeyThreshold: threshold } = split
  const { SplitKeyMethod: method, PrimeFieldSize } = split
  if (threshold < 1 || threshold > parts || part < 1 || part > parts)
    throw new Fault(
      'InvalidField',
      'Split Key Parts, Split Key Threshold and Key Part Identifier do not fit together',
    )
  if (method === 'PolynomialSharingPrimeField' && PrimeFieldSize === undefined)
    throw new Fault(
      'InvalidField',
      'a part of a key that was split over a prime field needs the Prime Field Size',
    )
  if (PrimeFieldSize !== undefined && PrimeFieldSize >> BigInt(8 * splitKeyPrimeBytesMax) !== 0n)
    throw new Fault('InvalidField', `the Prime Field Size has ${splitKeyPrimeBytesMax} bytes at most`)
  const field = PrimeFieldSize === undefined ? {} : { primeFieldSize: String(PrimeFieldSize) }
  return { parts, part, threshold, method, ...field }
}
