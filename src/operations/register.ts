// Register (KMIP 1.4 §4.3): stores an object that the client brings: a Symmetric Key, Secret Data or an Opaque Object.

import { first, type AttributeSet } from '../kmip/attributes.ts'
import type { EnumName } from '../kmip/enums.ts'
import { Fault } from '../kmip/fault.ts'
import type { KeyBlock } from '../kmip/objects.ts'
import type { Request } from '../kmip/operations.ts'
import { limits } from '../limits.ts'
import type { Material } from '../sealing/envelope.ts'
import { single, type ObjectType } from '../keys/managed-object.ts'
import type { Handler } from './handler.ts'
import { requestedAttributes } from './requested-attributes.ts'

export const register: Handler<'Register'> = async ({ transaction, version, placeholder }, request) => {
  const { ObjectType } = request
  const brought = broughtObject(ObjectType, request)
  if (brought.material.bytes.length > limits.objectMaterialBytesMax)
    throw new Fault(
      'InvalidField',
      `an object may hold ${String(limits.objectMaterialBytesMax)} bytes at most`,
    )
  const asked = requestedAttributes(request, { version, objectType: ObjectType })
  const attributes = withKeyBlock(asked, ObjectType, brought)
  const UniqueIdentifier = await transaction.register(
    { objectType: ObjectType, attributes },
    brought.material,
  )
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}

interface Brought {
  readonly material: Material
  readonly algorithm?: EnumName<'CryptographicAlgorithm'> | undefined
  readonly lengthBits?: number | undefined
}

function broughtObject(objectType: ObjectType, request: Request<'Register'>): Brought {
  if (objectType === 'SymmetricKey' && request.SymmetricKey) return broughtKey(request.SymmetricKey.KeyBlock)
  if (objectType === 'SecretData' && request.SecretData) {
    const { SecretDataType, KeyBlock } = request.SecretData
    const brought = broughtKey(KeyBlock)
    const head = { ...brought.material.head, secretDataType: SecretDataType }
    return { ...brought, material: { ...brought.material, head } }
  }
  if (objectType === 'OpaqueObject' && request.OpaqueObject) {
    const { OpaqueDataType, OpaqueDataValue } = request.OpaqueObject
    return { material: { bytes: Buffer.from(OpaqueDataValue), head: { opaqueDataType: OpaqueDataType } } }
  }
  const handled = ['SymmetricKey', 'SecretData', 'OpaqueObject'].includes(objectType)
  throw handled
    ? new Fault(
        'InvalidField',
        `Object Type is ${objectType}, but the object in the request is another or missing`,
      )
    : new Fault('InvalidField', `this server does not keep objects of type ${objectType} yet`)
}

/** Copies the material: the listener wipes the request's bytes, but a retry needs the material. */
function broughtKey(block: KeyBlock): Brought {
  if (block.KeyWrappingData)
    throw new Fault(
      'FeatureNotSupported',
      'this server does not unwrap registered keys yet: register them unwrapped',
    )
  if (block.KeyCompressionType !== undefined)
    throw new Fault('KeyCompressionTypeNotSupported', 'this server decompresses no keys')
  const { KeyFormatType, KeyValue } = block
  if (!keptFormats.includes(KeyFormatType))
    throw new Fault('KeyFormatTypeNotSupported', `this server does not keep keys as ${KeyFormatType} yet`)
  if (KeyValue === undefined) throw new Fault('InvalidField', 'the Key Block has no Key Value')
  const material = KeyValue instanceof Uint8Array ? KeyValue : KeyValue.KeyMaterial
  const bytes = material instanceof Uint8Array ? material : 'Key' in material ? material.Key : undefined
  if (bytes === undefined)
    throw new Fault('InvalidField', 'the Key Material does not match the Key Format Type')
  return {
    material: { bytes: Buffer.from(bytes), head: { keyFormatType: KeyFormatType } },
    algorithm: block.CryptographicAlgorithm,
    lengthBits: block.CryptographicLength,
  }
}

const keptFormats: readonly KeyBlock['KeyFormatType'][] = ['Raw', 'Opaque', 'TransparentSymmetricKey']

/**
 * KMIP 1.4 §3.4, §3.5: the Key Block's algorithm and length become the object's. An attribute must not contradict them.
 */
function withKeyBlock(
  asked: AttributeSet,
  objectType: ObjectType,
  { algorithm, lengthBits, material }: Brought,
): AttributeSet {
  const set = new Map(asked)
  const merge = (
    key: 'CryptographicAlgorithm' | 'CryptographicLength',
    value: string | number | undefined,
  ) => {
    const given = first(asked, key)
    if (value === undefined) return
    if (given !== undefined && given !== value)
      throw new Fault(
        'InvalidField',
        `${key} is ${String(value)} in the Key Block and ${String(given)} as attribute`,
      )
    set.set(key, single(value))
  }
  merge('CryptographicAlgorithm', algorithm)
  merge('CryptographicLength', lengthBits)
  if (objectType !== 'SymmetricKey') return set
  const bits = material.bytes.length * 8
  const stated = first(set, 'CryptographicLength')
  if (stated === undefined) set.set('CryptographicLength', single(bits))
  else if (
    stated <= 0 ||
    (Math.ceil(stated / 8) * 8 !== bits && !hasParity(first(set, 'CryptographicAlgorithm')))
  )
    throw new Fault(
      'InvalidField',
      `Cryptographic Length is ${String(stated)}, but the Key Material has ${String(bits)} bits`,
    )
  return set
}

/** DES keys have a parity bit in each byte. A stated length may or may not count these bits. */
function hasParity(algorithm: string | undefined): boolean {
  return algorithm === 'DES' || algorithm === 'DES3'
}
