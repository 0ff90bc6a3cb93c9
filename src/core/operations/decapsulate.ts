// Decapsulate (KMIP 3.0, second draft, §6.1.15): recovers the secret that was encapsulated for a private key, as Secret Data.

import { Fault } from '../../wire/kmip/fault.ts'
import { bytesOf } from './data.ts'
import type { Handler } from './handler.ts'
import { requestedAttributes } from './requested-attributes.ts'
import { defaulted } from './wanted-attributes.ts'

export const decapsulate: Handler<'Decapsulate'> = async (context, request) => {
  const { transaction, version, placeholder } = context
  const encapsulated = bytesOf(request.Data)
  if (encapsulated === undefined) throw new Fault('InvalidMessage', 'the request has no Data')
  const requested = requestedAttributes(request, { version, objectType: 'SecretData' })
  const UniqueIdentifier = await transaction.crypto.decapsulate({
    uniqueIdentifier: placeholder.resolve(request.UniqueIdentifier),
    parameters: request.CryptographicParameters,
    attributes: await defaulted(requested, 'SecretData', context),
    encapsulated,
  })
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}
