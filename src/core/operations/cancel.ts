// Cancel (KMIP 1.4 §4.27): drops a pending operation (asynchronous.ts).

import type { Handler } from './handler.ts'

export const cancel: Handler<'Cancel'> = async ({ transaction, asynchronous }, request) => {
  const { AsynchronousCorrelationValue } = request
  const CancellationResult = asynchronous.cancel(transaction.party, AsynchronousCorrelationValue)
  return { AsynchronousCorrelationValue, CancellationResult }
}
