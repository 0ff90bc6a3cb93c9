// Signature Verify (KMIP 1.4 §4.32): with a public key or a certificate. A wrong signature is an answer, not a failure.

import { digestedOrData, validityName } from './data.ts'
import type { Handler } from './handler.ts'

export const signatureVerify: Handler<'SignatureVerify'> = async ({ transaction, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const { valid, correlationValue } = await transaction.crypto.use({
    ...digestedOrData(request),
    use: 'Verify',
    uniqueIdentifier: UniqueIdentifier,
    expected: request.SignatureData,
  })
  return { UniqueIdentifier, ValidityIndicator: validityName(valid), CorrelationValue: correlationValue }
}
