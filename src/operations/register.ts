// Register (KMIP 1.4 §4.3): an object that the client brings: a Symmetric Key, Secret Data or an Opaque Object.

import { first, type AttributeSet } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import type { Request } from '../kmip/operations.ts'
import { limits } from '../limits.ts'
import type { Material } from '../keys/envelope.ts'
import { single, type ObjectType } from '../keys/managed-object.ts'
import type { Handler } from './handler.ts'
import { requestedAttributes } from './requested-attributes.ts'

export const register: Handler<'Register'> = async ({ work, version, placeholder }, request) => {
  const { ObjectType } = request
  const brought = broughtObject(ObjectType, request)
  if (brought.material.bytes.length > limits.objectMaterialBytesMax)
    throw new Fault(
      'InvalidField',
      `an object may hold ${String(limits.objectMaterialBytesMax)} bytes at most`,
    )
  const asked = requestedAttributes(request, { version, objectType: ObjectType })
  const attributes = withKeyBlock(asked, brought)
  const UniqueIdentifier = await work.register({ objectType: ObjectType, attributes }, brought.material)
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}

interface Brought {
  readonly material: Material
  readonly algorithm?: string | undefined
  readonly lengthBits?: number | undefined
}

type KeyBlock = NonNullable<Request<'Register'>['SymmetricKey']>['KeyBlock']

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

/** The material is copied: the request's bytes are wiped by the door, and a retry needs them whole. */
function broughtKey(block: KeyBlock): Brought {
  if (block.KeyWrappingData)
    throw new Fault(
      'FeatureNotSupported',
      'this server does not unwrap registered keys yet: register them unwrapped',
    )
  if (block.KeyCompressionType !== undefined)
    throw new Fault('KeyCompressionTypeNotSupported', 'this server decompresses no keys')
  const { KeyFormatType } = block
  if (KeyFormatType !== 'Raw' && KeyFormatType !== 'Opaque')
    throw new Fault(
      'KeyFormatTypeNotSupported',
      `this server keeps keys as Raw or Opaque, not as ${KeyFormatType}`,
    )
  const material = block.KeyValue === undefined ? undefined : materialBytes(block.KeyValue)
  if (!material) throw new Fault('InvalidField', 'the Key Block has no Key Material')
  return {
    material: { bytes: Buffer.from(material), head: { keyFormatType: KeyFormatType } },
    algorithm: block.CryptographicAlgorithm,
    lengthBits: block.CryptographicLength,
  }
}

function materialBytes(value: NonNullable<KeyBlock['KeyValue']>): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  return value.KeyMaterial instanceof Uint8Array ? value.KeyMaterial : undefined
}

/** KMIP 1.4 §3.4, §3.5: algorithm and length of the Key Block are the object's; they must not contradict. */
function withKeyBlock(asked: AttributeSet, { algorithm, lengthBits }: Brought): AttributeSet {
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
  return set
}
