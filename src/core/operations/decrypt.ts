// Decrypt (KMIP 1.4 §4.30). A wrong key, padding, tag or data has the same answer.

import { atLeast } from '../../wire/kmip/version.ts'
import { dataOf, dataRequest } from './data.ts'
import type { Handler } from './handler.ts'

export const decrypt: Handler<'Decrypt'> = async ({ transaction, version, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const { data, correlationValue } = await transaction.crypto.use({
    ...dataRequest(request),
    use: 'Decrypt',
    uniqueIdentifier: UniqueIdentifier,
    iv: request.IVCounterNonce,
    aad: request.AuthenticatedEncryptionAdditionalData,
    tag: request.AuthenticatedEncryptionTag,
    tagAppended: !atLeast(version, '1.4'),
  })
  return { UniqueIdentifier, Data: dataOf(request, data), CorrelationValue: correlationValue }
}
