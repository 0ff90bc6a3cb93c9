// One-way restrictions, and wrapping keys. In an instance whose restrictions go one way, no client may lower Sensitive or raise
// Extractable. A Sensitive object leaves only under the instance's wrapping keys. Pure.

import { first, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { Instance } from '../../trust/rows.ts'
import { withAttribute } from './managed-object.ts'

type Rule = Pick<Instance, 'restrictions'>
type Listing = Pick<Instance, 'wrappingKeys'>

/** Throws Fault PermissionDenied if the change lowers Sensitive or raises Extractable, and the instance allows no client to do so. */
export function requireNoLooser({ restrictions }: Rule, before: AttributeSet, after: AttributeSet): void {
  if (restrictions !== 'one-way') return
  if (isSensitive(before) && !isSensitive(after)) throw refused('stays Sensitive')
  if (isKept(before) && !isKept(after)) throw refused('stays not Extractable')
}

/** The set with at least the object's current restrictions. */
export function noLooser({ restrictions }: Rule, here: AttributeSet, set: AttributeSet): AttributeSet {
  if (restrictions !== 'one-way') return set
  const sensitive = isSensitive(here) ? withAttribute(set, 'Sensitive', true) : set
  return isKept(here) ? withAttribute(sensitive, 'Extractable', false) : sensitive
}

export function isSensitive(attributes: AttributeSet): boolean {
  return first(attributes, 'Sensitive') === true
}

/** Whether the object is not Extractable. */
export function isKept(attributes: AttributeSet): boolean {
  return first(attributes, 'Extractable') === false
}

/** Whether a Sensitive object may leave when these keys wrap it or make its MAC. */
export function mayWrapSensitive(
  { restrictions, wrappingKeys = [] }: Rule & Listing,
  wrappers: readonly string[],
): boolean {
  if (wrappers.length === 0) return false
  return (
    restrictions !== 'one-way' ||
    wrappers.every((id) => wrappingKeys.some((key) => key.id === id && key.wraps))
  )
}

/** Whether the object is in the list, even if it no longer wraps Sensitive keys. */
export function isWrappingKey({ wrappingKeys = [] }: Listing, uniqueIdentifier: string): boolean {
  return wrappingKeys.some(({ id }) => id === uniqueIdentifier)
}

/** Throws Fault PermissionDenied for a wrapping key of the instance: another use of it could open a wrapped key. */
export function requireNoWrappingKey(instance: Listing, uniqueIdentifier: string): void {
  if (!isWrappingKey(instance, uniqueIdentifier)) return
  throw new Fault(
    'PermissionDenied',
    'this key is a wrapping key of its instance: it wraps keys, and nothing else',
  )
}

function refused(what: string): Fault {
  return new Fault('PermissionDenied', `this object ${what}: no client of this instance changes that back`)
}
