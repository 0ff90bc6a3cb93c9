// An object that comes from outside, by Register or by adoption, as Mortise stores it: which kinds and formats it stores, its
// bytes, and what its Key Block says of them. Pure.

import type { EnumName } from '../kmip/enums.ts'
import { Fault } from '../kmip/fault.ts'
import type { KeyBlock } from '../kmip/objects.ts'
import type { Request, Response } from '../kmip/operations.ts'
import { limits } from '../limits.ts'
import type { Material } from '../sealing/envelope.ts'
import type { ObjectType } from './managed-object.ts'

export interface BroughtObject {
  readonly material: Material
  readonly algorithm?: EnumName<'CryptographicAlgorithm'> | undefined
  readonly lengthBits?: number | undefined
}

type Carrying = Pick<Request<'Register'> & Response<'Get'>, 'SymmetricKey' | 'SecretData' | 'OpaqueObject'>

/** Throws the Fault that Register answers where Mortise cannot store the object. */
export function broughtObject(objectType: ObjectType, message: Carrying): BroughtObject {
  const brought = readObject(objectType, message)
  const { bytes } = brought.material
  if (bytes.length <= limits.objectMaterialBytesMax) return brought
  bytes.fill(0)
  throw new Fault('InvalidField', `an object may hold ${limits.objectMaterialBytesMax} bytes at most`)
}

function readObject(objectType: ObjectType, message: Carrying): BroughtObject {
  if (objectType === 'SymmetricKey' && message.SymmetricKey) return broughtKey(message.SymmetricKey.KeyBlock)
  if (objectType === 'SecretData' && message.SecretData) {
    const { SecretDataType, KeyBlock } = message.SecretData
    const brought = broughtKey(KeyBlock)
    const head = { ...brought.material.head, secretDataType: SecretDataType }
    return { ...brought, material: { ...brought.material, head } }
  }
  if (objectType === 'OpaqueObject' && message.OpaqueObject) {
    const { OpaqueDataType, OpaqueDataValue } = message.OpaqueObject
    return { material: { bytes: Buffer.from(OpaqueDataValue), head: { opaqueDataType: OpaqueDataType } } }
  }
  const handled = ['SymmetricKey', 'SecretData', 'OpaqueObject'].includes(objectType)
  throw handled
    ? new Fault(
        'InvalidField',
        `Object Type is ${objectType}, but the object in the request is another or missing`,
      )
    : new Fault('FeatureNotSupported', `this server does not keep objects of type ${objectType} yet`)
}

/** Copies the material: the listener wipes the request's bytes, but a retry needs the material. */
function broughtKey(block: KeyBlock): BroughtObject {
  if (block.KeyWrappingData)
    throw new Fault(
      'FeatureNotSupported',
      'this server does not unwrap registered keys yet: register them unwrapped',
    )
  // Compression is that of points on curves: on a symmetric key it says nothing, and some clients write one there.
  if (block.KeyCompressionType !== undefined && block.KeyCompressionType !== 'ECPublicKeyTypeUncompressed')
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
