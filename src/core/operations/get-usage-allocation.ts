// Get Usage Allocation (KMIP 1.4 §4.18): reserves a part of a key's Usage Limits for the client, which protects data with the key
// itself.

import type { Handler } from './handler.ts'

export const getUsageAllocation: Handler<'GetUsageAllocation'> = async (
  { transaction, placeholder },
  request,
) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  await transaction.allocateUsage(UniqueIdentifier, request.UsageLimitsCount)
  return { UniqueIdentifier }
}
