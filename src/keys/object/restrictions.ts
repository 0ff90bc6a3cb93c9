// Sensitive and Extractable in an instance whose restrictions go one way: what a client may not undo. Pure.

import { first, type AttributeSet } from '../../kmip/attributes.ts'
import { Fault } from '../../kmip/fault.ts'
import type { Instance } from '../../trust/rows.ts'
import { withAttribute } from './managed-object.ts'

type Rule = Pick<Instance, 'restrictions'>

/** Throws Fault PermissionDenied where the change lowers Sensitive or raises Extractable, and the instance lets no client do so. */
export function requireNoLooser({ restrictions }: Rule, before: AttributeSet, after: AttributeSet): void {
  if (restrictions !== 'one-way') return
  if (isSensitive(before) && !isSensitive(after)) throw refused('stays Sensitive')
  if (isKept(before) && !isKept(after)) throw refused('stays not Extractable')
}

/** The set, as restricted as the object is here. */
export function noLooser({ restrictions }: Rule, here: AttributeSet, set: AttributeSet): AttributeSet {
  if (restrictions !== 'one-way') return set
  const sensitive = isSensitive(here) ? withAttribute(set, 'Sensitive', true) : set
  return isKept(here) ? withAttribute(sensitive, 'Extractable', false) : sensitive
}

function isSensitive(attributes: AttributeSet): boolean {
  return first(attributes, 'Sensitive') === true
}

function isKept(attributes: AttributeSet): boolean {
  return first(attributes, 'Extractable') === false
}

function refused(what: string): Fault {
  return new Fault('PermissionDenied', `this object ${what}: no client of this instance changes that back`)
}
