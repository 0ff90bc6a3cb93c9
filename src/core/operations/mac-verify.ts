// MAC Verify (KMIP 1.4 §4.34). A wrong MAC is an answer, not a failure.

import { dataRequest, validityName } from './data.ts'
import type { Handler } from './handler.ts'

export const macVerify: Handler<'MACVerify'> = async ({ transaction, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const { valid, correlationValue } = await transaction.crypto.use({
    ...dataRequest(request),
    use: 'MACVerify',
    uniqueIdentifier: UniqueIdentifier,
    expected: request.MACData,
  })
  return {
    UniqueIdentifier,
    ValidityIndicator: validityName(valid),
    CorrelationValue: correlationValue,
  }
}
