// Get (KMIP 1.4 §4.11): the object with its material, wrapped by another key if the request says so. The Key Value holds the
// attributes that are to be wrapped with the key, and otherwise none, since several clients cannot read attributes there.

import { existsIn, findKey, toWire1 } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import type { KeyBlock } from '../kmip/objects.ts'
import type { Request, Response } from '../kmip/operations.ts'
import { wireObject } from '../keys/given-object.ts'
import type { FetchedObject } from '../keys/fetch-object.ts'
import { encrypts } from '../keys/wrapping-data.ts'
import type { Context, Handler } from './handler.ts'

export const get: Handler<'Get'> = async (context, request) => {
  const { transaction, version, placeholder } = context
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const { KeyFormatType: format, KeyCompressionType: compression, KeyWrappingSpecification: wrap } = request
  if (compression !== undefined && compression !== 'ECPublicKeyTypeUncompressed')
    throw new Fault('KeyCompressionTypeNotSupported', 'this server compresses no keys')
  const object = await transaction.fetch(UniqueIdentifier, {
    wrapped: wrap !== undefined && encrypts(wrap),
    unwrap: request.KeyWrapType === 'NotWrapped' || wrap !== undefined,
  })
  const { objectType: ObjectType } = object
  if (format === 'PKCS_12')
    return { ObjectType, UniqueIdentifier, ...(await inPkcs12(object, context, wrap)) }
  const onCopy = (bytes: Buffer) => transaction.wipeLater(bytes)
  const plain = wireObject(object, { version, format, onCopy })
  return { ObjectType, UniqueIdentifier, ...(wrap ? await wrapped(plain, object, wrap, context) : plain) }
}

type Given = Partial<Response<'Get'>>

async function inPkcs12(
  object: FetchedObject,
  { transaction }: Context,
  wrap: Request<'Get'>['KeyWrappingSpecification'],
): Promise<Given> {
  if (wrap)
    throw new Fault('InvalidField', 'a PKCS#12 container is protected by its password, not by another key')
  return { PrivateKey: { KeyBlock: await transaction.pkcs12(object) } }
}

async function wrapped(
  given: Given,
  { uniqueIdentifier, objectType, allAttributes, cameInKeyValue = false }: FetchedObject,
  specification: NonNullable<Request<'Get'>['KeyWrappingSpecification']>,
  { transaction, version }: Context,
): Promise<Given> {
  const content = given[objectType as keyof Given] as { readonly KeyBlock?: KeyBlock } | undefined
  if (!content?.KeyBlock)
    throw new Fault('IllegalOperation', `an object of type ${objectType} has no key that could be wrapped`)
  const attributes = allAttributes()
  const named = specification.AttributeName.flatMap((name) => {
    const key = findKey(name)
    if (key === undefined) return []
    return (attributes.get(key) ?? [])
      .filter(({ value }) => existsIn(key, version, value))
      .map((instance) => toWire1(key, instance, version))
  })
  const KeyBlock = await transaction.wrap(content.KeyBlock, {
    uniqueIdentifier,
    specification,
    attributes: named,
    inKeyValue: cameInKeyValue,
    version,
  })
  return { [objectType]: { ...content, KeyBlock } }
}
