// MAC (KMIP 1.4 §4.33): a message authentication code under a key that stays on the server.

import { dataRequest } from './data.ts'
import type { Handler } from './handler.ts'

export const mac: Handler<'MAC'> = async ({ transaction, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const { data, correlationValue } = await transaction.crypto.use({
    ...dataRequest(request),
    use: 'MACGenerate',
    uniqueIdentifier: UniqueIdentifier,
  })
  const isDone = correlationValue === undefined
  return { UniqueIdentifier, MACData: isDone ? data : undefined, CorrelationValue: correlationValue }
}
