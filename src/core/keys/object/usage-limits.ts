// Usage Limits (KMIP 1.4 §3.21): how much of a key's allowance a use takes. Pure: the caller stages the new count in the same
// transaction, so two concurrent uses never take the same part.

import { first, type AttributeSet, type AttributeValue } from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { withAttribute } from './managed-object.ts'

/** The attributes after the use; undefined if the key has no limits. Throws Fault PermissionDenied. */
export function spendUsage(
  attributes: AttributeSet,
  { bytes, objects }: { readonly bytes: number; readonly objects: number },
): AttributeSet | undefined {
  const limits = first(attributes, 'UsageLimits')
  if (!limits) return undefined
  return allocated(attributes, limits, BigInt(limits.UsageLimitsUnit === 'Byte' ? bytes : objects))
}

/**
 * The attributes after the client took `count` units for itself (KMIP 1.4 §4.18). Throws Faults AttributeNotFound if the key has
 * no limits, PermissionDenied if fewer units are left.
 */
export function allocateUsage(attributes: AttributeSet, count: bigint): AttributeSet {
  const limits = first(attributes, 'UsageLimits')
  if (!limits)
    throw new Fault('AttributeNotFound', 'the key has no Usage Limits: there is nothing to allocate')
  if (count <= 0n) throw new Fault('InvalidField', 'Usage Limits Count must be above 0')
  return allocated(attributes, limits, count)
}

function allocated(
  attributes: AttributeSet,
  limits: AttributeValue<'UsageLimits'>,
  taken: bigint,
): AttributeSet {
  const left = limits.UsageLimitsCount ?? limits.UsageLimitsTotal
  if (taken > left)
    // 2.0 has a separate reason for this, but the published cases of 2.0 and 2.1 expect this one.
    throw new Fault(
      'PermissionDenied',
      "the key's Usage Limits leave less than this: it may not be used so much",
    )
  return withAttribute(attributes, 'UsageLimits', { ...limits, UsageLimitsCount: left - taken })
}
