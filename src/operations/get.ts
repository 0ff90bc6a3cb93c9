// Get (KMIP 1.4 §4.11): the object with its material. The Key Value holds the material only, no attributes: several
// clients cannot read them there.

import { Fault } from '../kmip/fault.ts'
import { first } from '../kmip/attributes.ts'
import type { Response } from '../kmip/operations.ts'
import type { FetchedObject } from '../keys/key-work.ts'
import type { Handler } from './handler.ts'

export const get: Handler<'Get'> = async ({ work, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  if (request.KeyWrappingSpecification)
    throw new Fault(
      'FeatureNotSupported',
      'this server does not wrap keys in Get yet: ask without a Key Wrapping Specification',
    )
  if (request.KeyCompressionType !== undefined)
    throw new Fault('KeyCompressionTypeNotSupported', 'this server compresses no keys')
  const object = await work.fetch(UniqueIdentifier)
  const { keyFormatType } = object.material.head
  const wanted = request.KeyFormatType
  if (wanted !== undefined && keyFormatType !== undefined && wanted !== keyFormatType)
    throw new Fault(
      'KeyFormatTypeNotSupported',
      `this object is kept as ${keyFormatType} and is given as nothing else`,
    )
  return { ObjectType: object.objectType, UniqueIdentifier, ...wireObject(object) }
}

/** The object as its own structure, under its own tag. */
function wireObject({ objectType, material, attributes }: FetchedObject): Partial<Response<'Get'>> {
  const { head, bytes } = material
  if (objectType === 'OpaqueObject')
    return { OpaqueObject: { OpaqueDataType: head.opaqueDataType ?? unknownType, OpaqueDataValue: bytes } }
  const KeyBlock = {
    KeyFormatType: head.keyFormatType ?? 'Raw',
    KeyValue: { KeyMaterial: bytes },
    CryptographicAlgorithm: first(attributes, 'CryptographicAlgorithm'),
    CryptographicLength: first(attributes, 'CryptographicLength'),
  }
  if (objectType === 'SecretData')
    return { SecretData: { SecretDataType: head.secretDataType ?? 'Password', KeyBlock } }
  return { SymmetricKey: { KeyBlock } }
}
