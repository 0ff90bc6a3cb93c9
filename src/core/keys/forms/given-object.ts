// A stored object in a message: its own structure under the tag of its type, with the key in the requested format. Pure.

import { KeyFormatError } from '../../crypto/key-parts.ts'
import { mayBeSet } from '../../../wire/kmip/attribute-rules.ts'
import { existsIn, first, toWire1, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import { enums, type EnumTable } from '../../../wire/kmip/enums.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { KeyBlock, KeyMaterial } from '../../../wire/kmip/objects.ts'
import type { Response } from '../../../wire/kmip/operations.ts'
import { isDefined } from '../../../wire/kmip/tags.ts'
import type { Version } from '../../../wire/kmip/version.ts'
import type { Material, SplitKeyHead } from '../../sealing/envelope.ts'
import {
  actualFormat,
  inFormat,
  uncompressed,
  wireMaterial,
  type KeyCompression,
  type KeyFormat,
} from './asymmetric-key.ts'
import { templateContent } from '../object/adopted-object.ts'
import { isSystemObject, type ObjectType } from '../object/managed-object.ts'
import { wrappedValue, wrappingDataOf } from './wrapping-data.ts'

export interface GivenObject {
  readonly objectType: ObjectType
  readonly attributes: AttributeSet
  readonly material: Material
}

/** The requested form of a key. */
export interface ObjectForm {
  readonly version: Version
  readonly format?: KeyFormat | undefined
  readonly compression?: KeyCompression | undefined
  /** Called with secret bytes that are copies, so that the caller wipes them after it has encoded the answer. */
  readonly onCopy?: ((bytes: Buffer) => void) | undefined
}

/** Throws Fault KeyFormatTypeNotSupported. */
export function wireObject(object: GivenObject, form: ObjectForm): Partial<Response<'Get'>> {
  const { objectType, material, attributes } = object
  const { head, bytes } = material
  requireWord('ObjectType', objectType, form.version)
  if (objectType === 'OpaqueObject')
    return { OpaqueObject: { OpaqueDataType: head.opaqueDataType ?? 0, OpaqueDataValue: bytes } }
  if (objectType === 'Certificate') {
    requireOwnFormat(form.format, ['X_509', 'Raw'], objectType)
    return { Certificate: { CertificateType: head.certificateType ?? 'X_509', CertificateValue: bytes } }
  }
  if (objectType === 'CertificateRequest') {
    requireOwnFormat(form.format, ['PKCS_10', 'Raw'], objectType)
    const CertificateRequestType = head.certificateRequestType ?? 'PKCS_10'
    return { CertificateRequest: { CertificateRequestType, CertificateRequestValue: bytes } }
  }
  if (objectType === 'Template')
    return { Template: { Attribute: templateAttributes(attributes, form.version) } }
  if (isSystemObject(objectType))
    throw new Fault('IllegalObjectType', `an object of type ${objectType} has nothing that is given out`)
  const KeyBlock = keyBlock(object, form)
  if (objectType === 'SecretData')
    return { SecretData: { SecretDataType: head.secretDataType ?? 'Password', KeyBlock } }
  if (head.splitKey) requireWord('SplitKeyMethod', head.splitKey.method, form.version)
  if (objectType === 'SplitKey') return { SplitKey: { ...splitKeyFields(head.splitKey), KeyBlock } }
  if (objectType === 'PGPKey') return { PGPKey: { PGPKeyVersion: head.pgpKeyVersion ?? 4, KeyBlock } }
  return { [objectType]: { KeyBlock } }
}

type Word = 'ObjectType' | 'SplitKeyMethod' | 'RecommendedCurve' | 'KeyFormatType'

/** Throws if an older version has no word for a stored value of a newer one. */
export function requireWord(name: Word, value: string, version: Version): void {
  if (existsInVersion(name, value, version)) return
  throw new Fault(
    'FeatureNotSupported',
    `KMIP ${version} cannot express this object: it has no ${name} ${value}`,
  )
}

function existsInVersion(name: Word, value: string, version: Version): boolean {
  const table: EnumTable = enums[name]
  const fact = table[value]
  return fact !== undefined && isDefined(fact, version)
}

function splitKeyFields(head: SplitKeyHead | undefined) {
  if (!head) throw new Error('a split key without its place among the parts')
  return {
    SplitKeyParts: head.parts,
    KeyPartIdentifier: head.part,
    SplitKeyThreshold: head.threshold,
    SplitKeyMethod: head.method,
    PrimeFieldSize: head.primeFieldSize === undefined ? undefined : BigInt(head.primeFieldSize),
  }
}

/** A certificate, or a request for one, has one form, which a Get may name in two ways (`own`). Refuses every other name. */
function requireOwnFormat(
  format: KeyFormat | undefined,
  own: readonly KeyFormat[],
  objectType: ObjectType,
): void {
  if (format !== undefined && !own.includes(format))
    throw new Fault('KeyFormatTypeNotSupported', `an object of type ${objectType} is not given as ${format}`)
}

/** The attributes that a client may set, without those that describe the template itself. */
function templateAttributes(attributes: AttributeSet, version: Version) {
  return [...templateContent(attributes)].flatMap(([key, instances]) =>
    !mayBeSet(key)
      ? []
      : instances
          .filter(({ value }) => existsIn(key, version, value))
          .map((instance) => toWire1(key, instance, version)),
  )
}

function keyBlock(object: GivenObject, { version, format, compression, onCopy }: ObjectForm): KeyBlock {
  const { objectType, material, attributes } = object
  const kept = material.head.keyFormatType ?? 'Raw'
  const KeyFormatType = format ?? kept
  if (!existsInVersion('KeyFormatType', KeyFormatType, version)) throw notGivenAs(kept, KeyFormatType)
  const { wrapping } = material.head
  if (wrapping && KeyFormatType !== kept) throw notGivenAs(kept, KeyFormatType)
  const keyCompression = compressionFor(object, KeyFormatType, compression)
  const KeyMaterial =
    material.head.isElsewhere || wrapping
      ? undefined
      : returnedMaterial(object, KeyFormatType, keyCompression, format === undefined ? kept : actual(object))
  if (KeyMaterial && 'RecommendedCurve' in KeyMaterial)
    requireWord('RecommendedCurve', KeyMaterial.RecommendedCurve, version)
  if (KeyMaterial instanceof Buffer && KeyMaterial !== material.bytes) onCopy?.(KeyMaterial)
  const stated = compression ?? (KeyFormatType === kept ? material.head.keyCompressionType : undefined)
  const named = first(attributes, 'CryptographicAlgorithm')
  // An older version may lack the algorithm; the key itself shows it then.
  // KMIP 1.4 §2.1.3: to Secret Data neither algorithm nor length applies.
  const isSaid = objectType !== 'SecretData' && existsIn('CryptographicAlgorithm', version, named)
  const algorithm = isSaid ? named : undefined
  return {
    KeyFormatType,
    KeyCompressionType: stated === uncompressed ? undefined : stated,
    ...(KeyMaterial && { KeyValue: { KeyMaterial } }),
    ...(wrapping && { KeyValue: wrappedValue(kept, wrapping, material.bytes) }),
    CryptographicAlgorithm: algorithm,
    CryptographicLength: algorithm && first(attributes, 'CryptographicLength'),
    ...(wrapping && { KeyWrappingData: wrappingDataOf(wrapping) }),
  }
}

/**
 * The requested form of the point. Undefined: as stored, which is also the default. A format other than the stored one has no
 * compressed points.
 */
function compressionFor(
  { objectType, material }: GivenObject,
  format: KeyFormat,
  compression: KeyCompression | undefined,
): KeyCompression | undefined {
  if (material.head.wrapping && compression !== undefined && compression !== uncompressed)
    throw new Fault('KeyCompressionTypeNotSupported', 'this key is stored wrapped by another, as it came')
  if (objectType === 'PublicKey')
    return compression ?? (format === material.head.keyFormatType ? undefined : uncompressed)
  if (compression === undefined || compression === uncompressed) return undefined
  throw new Fault(
    'KeyCompressionTypeNotSupported',
    `an object of type ${objectType} has no point to compress`,
  )
}

/** The real format: a client that names it gets it, even if the key came under the name of another format. */
function actual({ objectType, material: { bytes, head } }: GivenObject): KeyFormat {
  return actualFormat(objectType === 'PrivateKey', head.keyFormatType ?? 'Raw', bytes)
}

/** `format`: that of the stored bytes. */
function returnedMaterial(
  { objectType, material: { bytes }, attributes }: GivenObject,
  target: KeyFormat,
  compression: KeyCompression | undefined,
  format: KeyFormat,
): KeyMaterial {
  // KMIP 2.1 §4.26: every server gives Secret Data as Raw. An opaque secret is a string of bytes too.
  const bare: readonly KeyFormat[] = ['Raw', 'Opaque']
  if (objectType === 'SecretData' && bare.includes(format) && bare.includes(target)) return bytes
  // Raw and Transparent Symmetric Key hold the same bytes (KMIP 1.4 §2.1.7.1).
  const symmetric: readonly KeyFormat[] = ['Raw', 'TransparentSymmetricKey']
  if (symmetric.includes(format) && symmetric.includes(target))
    return target === 'TransparentSymmetricKey' ? { Key: bytes } : bytes
  if (target === format && compression === undefined) return wireMaterial({ format, bytes })
  const isPrivate = objectType === 'PrivateKey'
  const converted =
    isPrivate || objectType === 'PublicKey'
      ? conversion(
          { isPrivate, format, bytes, algorithm: first(attributes, 'CryptographicAlgorithm') },
          target,
          compression,
        )
      : undefined
  if (converted) return converted
  if (target === format)
    throw new Fault(
      'KeyCompressionTypeNotSupported',
      `this key is not given with the compression ${compression}`,
    )
  throw notGivenAs(format, target)
}

function notGivenAs(kept: KeyFormat, format: KeyFormat): Fault {
  return new Fault(
    'KeyFormatTypeNotSupported',
    `this object is kept as ${kept} and cannot be given as ${format}`,
  )
}

/** Undefined if the key has no such form, or if it is damaged and was stored before Mortise checked keys. */
function conversion(
  key: Parameters<typeof inFormat>[0],
  format: KeyFormat,
  compression: KeyCompression | undefined,
): KeyMaterial | undefined {
  try {
    return inFormat(key, format, compression)
  } catch (error) {
    if (error instanceof KeyFormatError) return undefined
    throw error
  }
}
