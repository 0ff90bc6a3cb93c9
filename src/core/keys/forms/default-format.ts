// The default Key Format Type of an object (KMIP 2.1 §4.26, table 81), and the second digest of a key for which a client named another.

import { first, type AttributeSet, type AttributeValue } from '../../../wire/kmip/attributes.ts'
import type { Material } from '../../sealing/envelope.ts'
import { digestOf } from '../object/digest.ts'
import type { NewObject } from '../object/initial-attributes.ts'
import type { ObjectType } from '../object/managed-object.ts'
import { curveAlgorithms, inFormat, storedMaterial, type KeyFormat } from './asymmetric-key.ts'

/**
 * The attributes of a new object with a second Digest, that of its default format, for a request that names another format.
 * `initial`: with the first Digest, that of the stored format.
 */
export function withDefaultDigest(
  { objectType, attributes: requested }: NewObject,
  initial: AttributeSet,
  material: Material,
): AttributeSet {
  const { keyFormatType: format } = material.head
  const target = defaultFormat(objectType, first(initial, 'CryptographicAlgorithm'))
  const isNamed = first(requested, 'KeyFormatType') !== undefined
  const [own] = initial.get('Digest') ?? []
  if (!isNamed || !own || format === undefined || target === undefined || format === target) return initial
  const value = digestIn(target, { objectType, format, material })
  return value ? new Map([...initial, ['Digest', [own, { index: 1, value }]]]) : initial
}

function digestIn(
  target: KeyFormat,
  {
    objectType,
    format,
    material,
  }: { readonly objectType: ObjectType; readonly format: KeyFormat; readonly material: Material },
): AttributeValue<'Digest'> | undefined {
  const head = { keyFormatType: target }
  // Raw and Transparent Symmetric Key are stored as the same bytes.
  if (objectType === 'SymmetricKey') return digestOf({ bytes: material.bytes, head })
  const converted = inFormat(
    { isPrivate: objectType === 'PrivateKey', format, bytes: material.bytes },
    target,
  )
  if (!converted) return undefined
  const bytes = storedMaterial(target, converted)
  try {
    return digestOf({ bytes, head })
  } finally {
    bytes.fill(0)
  }
}

function defaultFormat(
  objectType: ObjectType,
  algorithm: AttributeValue<'CryptographicAlgorithm'> | undefined,
): KeyFormat | undefined {
  if (objectType === 'SymmetricKey') return 'Raw'
  if (objectType !== 'PrivateKey' && objectType !== 'PublicKey') return undefined
  if (algorithm === 'RSA') return 'PKCS_1'
  if (algorithm === 'DSA') return `TransparentDSA${objectType}`
  return algorithm && curveAlgorithms.includes(algorithm) ? `TransparentEC${objectType}` : undefined
}
