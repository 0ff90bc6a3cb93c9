// Encapsulate (KMIP 3.0, second draft, §6.1.22): a new secret for the holder of a private key, as Secret Data, and the ciphertext
// from which the holder recovers it.

import type { Handler } from './handler.ts'
import { requestedAttributes } from './requested-attributes.ts'
import { defaulted } from './wanted-attributes.ts'

export const encapsulate: Handler<'Encapsulate'> = async (context, request) => {
  const { transaction, version, placeholder } = context
  const requested = requestedAttributes(request, { version, objectType: 'SecretData' })
  const { secret, encapsulated } = await transaction.crypto.encapsulate({
    uniqueIdentifier: placeholder.resolve(request.UniqueIdentifier),
    parameters: request.CryptographicParameters,
    attributes: await defaulted(requested, 'SecretData', context),
  })
  placeholder.set(secret)
  return { UniqueIdentifier: secret, Data: encapsulated }
}
