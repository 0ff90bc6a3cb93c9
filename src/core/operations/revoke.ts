// Revoke (KMIP 1.4 §4.20): makes an object Compromised for a compromise, Deactivated for any other reason.

import type { Handler } from './handler.ts'

export const revoke: Handler<'Revoke'> = async ({ transaction, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  await transaction.revoke(UniqueIdentifier, {
    code: request.RevocationReason.RevocationReasonCode,
    message: request.RevocationReason.RevocationMessage,
    compromiseOccurrenceDate: request.CompromiseOccurrenceDate,
  })
  return { UniqueIdentifier }
}
