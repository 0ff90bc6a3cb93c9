// Check (KMIP 1.4 §4.10): whether the client may use an object in a certain way. If it may, the answer has the identifier. If
// not, the answer has each forbidden use but no identifier, and empties the ID Placeholder, so that no later item uses the
// object.

import { first } from '../../wire/kmip/attributes.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import { atLeast } from '../../wire/kmip/version.ts'
import { maximumLeaseSeconds } from '../keys/object/initial-attributes.ts'
import type { Handler } from './handler.ts'

export const check: Handler<'Check'> = async ({ transaction, version, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const attributes = await transaction.attributes('key.check', UniqueIdentifier)
  const { CryptographicUsageMask: mask, UsageLimitsCount: count, LeaseTime: lease } = request
  const allowed = first(attributes, 'CryptographicUsageMask') ?? 0
  const maskFails = mask !== undefined && (mask & allowed) !== mask
  if (maskFails && atLeast(version, '2.1'))
    throw new Fault('IncompatibleCryptographicUsageMask', 'the object may not be used in this way')
  const usage = first(attributes, 'UsageLimits')
  const left = usage?.UsageLimitsCount ?? usage?.UsageLimitsTotal
  const countFails = count !== undefined && left !== undefined && count > left
  const leaseFails = lease !== undefined && lease > (first(attributes, 'LeaseTime') ?? maximumLeaseSeconds)
  if (!maskFails && !countFails && !leaseFails) return { UniqueIdentifier }
  placeholder.set(undefined)
  return {
    ...(countFails && { UsageLimitsCount: count }),
    ...(maskFails && { CryptographicUsageMask: mask }),
    ...(leaseFails && { LeaseTime: lease }),
  }
}
