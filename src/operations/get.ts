// Get (KMIP 1.4 §4.11): the object with its material. The Key Value holds only the material, without attributes, since
// several clients cannot read attributes there.

import { Fault } from '../kmip/fault.ts'
import { wireObject } from '../keys/given-object.ts'
import type { Handler } from './handler.ts'

export const get: Handler<'Get'> = async ({ transaction, version, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const { KeyFormatType: format, KeyCompressionType: compression } = request
  if (compression !== undefined && compression !== 'ECPublicKeyTypeUncompressed')
    throw new Fault('KeyCompressionTypeNotSupported', 'this server compresses no keys')
  const object = await transaction.fetch(UniqueIdentifier, {
    wrapped: request.KeyWrappingSpecification !== undefined,
  })
  const { objectType: ObjectType } = object
  const onCopy = (bytes: Buffer) => transaction.wipeLater(bytes)
  return { ObjectType, UniqueIdentifier, ...wireObject(object, { version, format, onCopy }) }
}
