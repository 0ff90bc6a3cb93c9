// Encrypt (KMIP 1.4 §4.29): the server encrypts with a key that stays on it.

import { atLeast } from '../../wire/kmip/version.ts'
import { dataOf, dataRequest } from './data.ts'
import type { Handler } from './handler.ts'

export const encrypt: Handler<'Encrypt'> = async ({ transaction, version, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const { data, tag, iv, correlationValue } = await transaction.crypto.use({
    ...dataRequest(request),
    use: 'Encrypt',
    uniqueIdentifier: UniqueIdentifier,
    iv: request.IVCounterNonce,
    aad: request.AuthenticatedEncryptionAdditionalData,
  })
  // Before 1.4 the answer has no field for the tag, so the tag is at the end of the data.
  const isApart = atLeast(version, '1.4')
  const whole = tag && !isApart ? Buffer.concat([data ?? new Uint8Array(0), tag]) : data
  return {
    UniqueIdentifier,
    Data: dataOf(request, whole),
    IVCounterNonce: iv,
    CorrelationValue: correlationValue,
    AuthenticatedEncryptionTag: isApart ? tag : undefined,
  }
}
