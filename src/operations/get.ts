// Get (KMIP 1.4 §4.11): the object with its material. The Key Value holds only the material, without attributes, since
// several clients cannot read attributes there.

import { Fault } from '../kmip/fault.ts'
import { first } from '../kmip/attributes.ts'
import type { EnumName } from '../kmip/enums.ts'
import type { KeyMaterial } from '../kmip/objects.ts'
import type { Response } from '../kmip/operations.ts'
import type { FetchedObject } from '../keys/key-transaction.ts'
import type { Handler } from './handler.ts'

export const get: Handler<'Get'> = async ({ transaction, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  if (request.KeyCompressionType !== undefined)
    throw new Fault('KeyCompressionTypeNotSupported', 'this server compresses no keys')
  const object = await transaction.fetch(UniqueIdentifier, {
    wrapped: request.KeyWrappingSpecification !== undefined,
  })
  return { ObjectType: object.objectType, UniqueIdentifier, ...wireObject(object, request.KeyFormatType) }
}

type KeyFormat = EnumName<'KeyFormatType'>

/** The object as its own structure, under the tag of its type. */
function wireObject(object: FetchedObject, wanted: KeyFormat | undefined): Partial<Response<'Get'>> {
  const { objectType, material, attributes } = object
  const { head, bytes } = material
  if (objectType === 'OpaqueObject')
    return { OpaqueObject: { OpaqueDataType: head.opaqueDataType ?? 0, OpaqueDataValue: bytes } }
  const kept = head.keyFormatType ?? 'Raw'
  const algorithm = first(attributes, 'CryptographicAlgorithm')
  const KeyBlock = {
    KeyFormatType: wanted ?? kept,
    KeyValue: { KeyMaterial: inFormat(bytes, kept, wanted ?? kept) },
    CryptographicAlgorithm: algorithm,
    // Without an algorithm (a password) a length has no meaning.
    CryptographicLength: algorithm && first(attributes, 'CryptographicLength'),
  }
  if (objectType === 'SecretData')
    return { SecretData: { SecretDataType: head.secretDataType ?? 'Password', KeyBlock } }
  return { SymmetricKey: { KeyBlock } }
}

/** Raw and Transparent Symmetric Key hold the same bytes (KMIP 1.4 §2.1.7.1). Other formats cannot be converted. */
function inFormat(bytes: Uint8Array, kept: KeyFormat, wanted: KeyFormat): KeyMaterial {
  const symmetric: readonly KeyFormat[] = ['Raw', 'TransparentSymmetricKey']
  if (wanted !== kept && !(symmetric.includes(kept) && symmetric.includes(wanted)))
    throw new Fault(
      'KeyFormatTypeNotSupported',
      `this object is kept as ${kept} and cannot be given as ${wanted}`,
    )
  return wanted === 'TransparentSymmetricKey' ? { Key: bytes } : bytes
}
