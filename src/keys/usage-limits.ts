// Usage Limits (KMIP 1.4 §3.21): how much of a key's allowance a use takes. Pure: the caller stages the new count in the same
// transaction, so two uses at once never take the same part of it.

import { first, type AttributeSet } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import { withAttribute } from './managed-object.ts'

/** The attributes after the use; undefined if the key has no limits. Throws Fault PermissionDenied. */
export function spendUsage(
  attributes: AttributeSet,
  { bytes, objects }: { readonly bytes: number; readonly objects: number },
): AttributeSet | undefined {
  const limits = first(attributes, 'UsageLimits')
  if (!limits) return undefined
  const left = limits.UsageLimitsCount ?? limits.UsageLimitsTotal
  const taken = BigInt(limits.UsageLimitsUnit === 'Byte' ? bytes : objects)
  if (taken > left)
    throw new Fault(
      'PermissionDenied',
      "the key's Usage Limits leave less than this: it may not be used so much",
    )
  return withAttribute(attributes, 'UsageLimits', { ...limits, UsageLimitsCount: left - taken })
}
