// Sign (KMIP 1.4 §4.31): signs data or, since 1.4, its digest, with a private key that stays on the server.

import { digestedOrData } from './data.ts'
import type { Handler } from './handler.ts'

export const sign: Handler<'Sign'> = async ({ transaction, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const { data, correlationValue } = await transaction.crypto.use({
    ...digestedOrData(request),
    use: 'Sign',
    uniqueIdentifier: UniqueIdentifier,
  })
  const isDone = correlationValue === undefined
  return { UniqueIdentifier, SignatureData: isDone ? data : undefined, CorrelationValue: correlationValue }
}
