// The attributes that KMIP 2.x gives every object, whichever version made it (KMIP 2.1 §4.26, §4.44, §4.45, §4.56): the format of
// its material, which is stored with it; its storage mask and its short identifier, which the server derives. Pure.

import { first, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import { maskOf, type EnumName } from '../../../wire/kmip/enums.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { KeyBlock } from '../../../wire/kmip/objects.ts'
import type { MaterialHead } from '../../sealing/envelope.ts'
import { sha256 } from './digest.ts'
import { isSystemObject, single, withAttribute, type ObjectType } from './managed-object.ts'

/** Where the server stores objects: sealed, in a database or in the service of their root key. */
const storage = maskOf('ProtectionStorageMask', ['Software'])

export const storageMasks: readonly number[] = [storage]

export const derivedKeys: ReadonlySet<string> = new Set([
  'ShortUniqueIdentifier',
  'ProtectionStorageMask',
  'ObjectClass',
])

/** Adds the derived attributes. */
export function withDerived(attributes: AttributeSet, uniqueIdentifier: string): AttributeSet {
  const type = first(attributes, 'ObjectType')
  return new Map([
    ...attributes,
    ['ShortUniqueIdentifier', single(sha256(Buffer.from(uniqueIdentifier)))],
    ['ProtectionStorageMask', single(storage)],
    ['ObjectClass', single(type && isSystemObject(type) ? 'System' : 'User')],
  ])
}

/**
 * Adds the format of the material, and the type of an opaque object. Throws Fault KeyFormatTypeNotSupported if the client
 * requested another format.
 */
export function withFormat(
  attributes: AttributeSet,
  objectType: ObjectType,
  head: MaterialHead,
): AttributeSet {
  const format = formatOf(objectType, head)
  const requestedFormat = first(attributes, 'KeyFormatType')
  if (requestedFormat !== undefined && requestedFormat !== format)
    throw new Fault(
      'KeyFormatTypeNotSupported',
      `such an object is stored as ${format ?? 'it is'}, not as ${requestedFormat}`,
    )
  const set = format === undefined ? attributes : withAttribute(attributes, 'KeyFormatType', format)
  return withAttribute(set, 'OpaqueDataType', head.opaqueDataType)
}

/** A certificate has the format Raw, as its Digest also states; KMIP 2.1 §4.26 names the formats of the other types. */
function formatOf(objectType: ObjectType, head: MaterialHead): KeyBlock['KeyFormatType'] | undefined {
  if (head.keyFormatType) return head.keyFormatType
  if (objectType === 'Template' || isSystemObject(objectType)) return undefined
  if (objectType === 'CertificateRequest') return 'PKCS_10'
  return objectType === 'OpaqueObject' ? 'Opaque' : 'Raw'
}

/**
 * KMIP 2.1 §4.45: the client requires that no quantum computer breaks the key in its Protection Period. Throws Fault
 * GeneralFailure, which the published cases expect.
 */
export function requireQuantumSafe(objectType: ObjectType, attributes: AttributeSet): void {
  if (first(attributes, 'QuantumSafe') !== true) return
  const [algorithm, bits] = [
    first(attributes, 'CryptographicAlgorithm'),
    first(attributes, 'CryptographicLength'),
  ]
  if (algorithm !== undefined && broken.has(algorithm)) throw notSafe(`a key of the algorithm ${algorithm}`)
  if (objectType !== 'SymmetricKey' || bits === undefined || bits >= quantumSafeBits) return
  throw notSafe(`a symmetric key of ${String(bits)} bits`)
}

/** Grover's search halves the strength of a symmetric key. */
const quantumSafeBits = 256

/** Shor's algorithm breaks these. */
const broken: ReadonlySet<EnumName<'CryptographicAlgorithm'>> = new Set([
  'RSA',
  'DSA',
  'DH',
  'EC',
  'ECDSA',
  'ECDH',
  'ECMQV',
  'Ed25519',
  'Ed448',
  'SM2',
  'GOSTR34_10_2012',
])

function notSafe(what: string): Fault {
  return new Fault('GeneralFailure', `${what} is not Quantum Safe: choose another, or leave Quantum Safe out`)
}
