// Check (KMIP 1.4 §4.10): whether an object may be used in a certain way. The answer repeats each use that is not
// allowed; an answer with nothing but the identifier means yes.

import { first } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import { atLeast } from '../kmip/version.ts'
import type { Handler } from './handler.ts'

export const check: Handler<'Check'> = async ({ transaction, version, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const attributes = await transaction.attributes('key.check', UniqueIdentifier)
  const mask = request.CryptographicUsageMask
  const allowed = first(attributes, 'CryptographicUsageMask') ?? 0
  const maskFails = mask !== undefined && (mask & allowed) !== mask
  if (maskFails && atLeast(version, '2.1'))
    throw new Fault('IncompatibleCryptographicUsageMask', 'the object may not be used in this way')
  const usage = first(attributes, 'UsageLimits')
  const left = usage?.UsageLimitsCount ?? usage?.UsageLimitsTotal
  const count = request.UsageLimitsCount
  const countFails = count !== undefined && left !== undefined && count > left
  return {
    UniqueIdentifier,
    ...(countFails && { UsageLimitsCount: count }),
    ...(maskFails && { CryptographicUsageMask: mask }),
  }
}
