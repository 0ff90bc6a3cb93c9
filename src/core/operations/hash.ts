// Hash (KMIP 1.4 §4.37): touches no key.

import { dataRequest } from './data.ts'
import type { Handler } from './handler.ts'

export const hash: Handler<'Hash'> = async ({ transaction }, request) => {
  const { data, correlationValue } = await transaction.crypto.hash(dataRequest(request))
  const isDone = correlationValue === undefined
  return { Data: isDone ? data : undefined, CorrelationValue: correlationValue }
}
