// Process (KMIP 2.1 §6.1.39): the next Poll for a pending operation waits until it is done.

import type { Handler } from './handler.ts'

export const processRequest: Handler<'Process'> = async ({ transaction, asynchronous }, request) => {
  asynchronous.hurry(transaction.party, request.AsynchronousCorrelationValue)
  return {}
}
