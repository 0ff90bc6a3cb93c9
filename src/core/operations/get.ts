// Get (KMIP 1.4 §4.11): the object with its material, wrapped by another key on request. The Key Value holds only the attributes
// that the client wants wrapped with the key, since several clients cannot read attributes there. Export returns objects in the
// same way.

import { findKey } from '../../wire/kmip/attributes.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { KeyBlock } from '../../wire/kmip/objects.ts'
import type { Request, Response } from '../../wire/kmip/operations.ts'
import { atLeast } from '../../wire/kmip/version.ts'
import type { FetchedObject, FetchOptions } from '../keys/acts/fetch-object.ts'
import { wireObject } from '../keys/forms/given-object.ts'
import { encrypts } from '../keys/forms/wrapping-data.ts'
import { andThen, type MaybePromise } from '../../base/maybe-promise.ts'
import type { Context, Handler } from './handler.ts'
import { answeredAttributes } from './wire-attributes.ts'

type ObjectContent = Partial<Response<'Get'>>
type Form = Omit<Request<'Get'>, 'UniqueIdentifier'>

export const get: Handler<'Get'> = (context, request) => {
  const UniqueIdentifier = context.placeholder.resolve(request.UniqueIdentifier)
  return andThen(context.transaction.fetch(UniqueIdentifier, fetchOptions(request)), (object) =>
    andThen(contentOf(context, object, request), (content) => ({
      ObjectType: object.objectType,
      UniqueIdentifier,
      ...content,
    })),
  )
}

/** How to fetch the object, so that `contentOf` can encode it. */
export function fetchOptions({ KeyWrapType, KeyWrappingSpecification }: Form): FetchOptions {
  return {
    wrappers: wrappersOf(KeyWrappingSpecification),
    unwrap: KeyWrapType === 'NotWrapped' || KeyWrappingSpecification !== undefined,
  }
}

/** The keys that encrypt, MAC or sign the leaving object. */
function wrappersOf(specification: Form['KeyWrappingSpecification']): readonly string[] {
  if (!specification || !encrypts(specification)) return []
  const { EncryptionKeyInformation: encryption, MACSignatureKeyInformation: mac } = specification
  return [encryption, mac].flatMap((one) => (one ? [one.UniqueIdentifier] : []))
}

export function contentOf(
  context: Context,
  object: FetchedObject,
  { KeyFormatType: format, KeyCompressionType: compression, KeyWrappingSpecification: wrap }: Form,
): MaybePromise<ObjectContent> {
  const { transaction, version } = context
  if (format === 'PKCS_12') return inPkcs12(object, context, wrap)
  const onCopy = (bytes: Buffer) => transaction.wipeLater(bytes)
  const plain = wireObject(object, { version, format, compression, onCopy })
  return wrap ? wrapped(plain, object, wrap, context) : plain
}

async function inPkcs12(
  object: FetchedObject,
  { transaction, version }: Context,
  wrap: Form['KeyWrappingSpecification'],
): Promise<ObjectContent> {
  if (wrap)
    throw new Fault('InvalidField', 'a PKCS#12 container is protected by its password, not by another key')
  const container = await transaction.certificates.pkcs12(object)
  // The published cases of 1.4 have the bytes as Key Value, and those of 2.0 as its Key Material.
  const KeyValue = atLeast(version, '2.0') ? { KeyMaterial: container } : container
  return { PrivateKey: { KeyBlock: { KeyFormatType: 'PKCS_12', KeyValue } } }
}

async function wrapped(
  plain: ObjectContent,
  { uniqueIdentifier, objectType, allAttributes, cameInKeyValue = false }: FetchedObject,
  specification: NonNullable<Form['KeyWrappingSpecification']>,
  { transaction, version }: Context,
): Promise<ObjectContent> {
  const content = plain[objectType as keyof ObjectContent] as { readonly KeyBlock?: KeyBlock } | undefined
  if (!content?.KeyBlock)
    throw new Fault('IllegalOperation', `an object of type ${objectType} has no key that could be wrapped`)
  const named = specification.AttributeName.flatMap((name) => findKey(name) ?? [])
  const KeyBlock = await transaction.wrap(content.KeyBlock, {
    uniqueIdentifier,
    specification,
    attributes: named.length > 0 ? answeredAttributes(allAttributes(), named, version) : {},
    inKeyValue: cameInKeyValue,
    version,
  })
  return { [objectType]: { ...content, KeyBlock } }
}
