// Derive Key (KMIP 1.4 §4.6): a new key or Secret Data from stored keys.

import { Fault } from '../../wire/kmip/fault.ts'
import type { Handler } from './handler.ts'
import { requestedAttributes } from './requested-attributes.ts'
import { defaulted } from './wanted-attributes.ts'

export const deriveKey: Handler<'DeriveKey'> = async (context, request) => {
  const { transaction, version, placeholder } = context
  const { ObjectType, DerivationMethod, DerivationParameters } = request
  if (ObjectType !== 'SymmetricKey' && ObjectType !== 'SecretData')
    throw new Fault('InvalidField', `Derive Key makes no objects of type ${ObjectType}`)
  // KMIP 1.4 §4.6: the ID Placeholder does not replace a missing identifier here.
  const bases = request.UniqueIdentifier.map((identifier) => placeholder.resolve(identifier))
  const requested = requestedAttributes(request, { version, objectType: ObjectType })
  const attributes = await defaulted(requested, ObjectType, context)
  const UniqueIdentifier = await transaction.crypto.derive({
    object: { objectType: ObjectType, attributes },
    bases,
    method: DerivationMethod,
    parameters: {
      cryptographic: DerivationParameters.CryptographicParameters,
      iv: DerivationParameters.InitializationVector,
      data: DerivationParameters.DerivationData,
      salt: DerivationParameters.Salt,
      iterations: DerivationParameters.IterationCount,
    },
  })
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}
