// The object after a revocation (KMIP 1.4 §4.20). Pure.

import { first, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import type { EnumName } from '../../../wire/kmip/enums.ts'
import { nextState } from './lifecycle.ts'
import { currentState, withAttribute, withDate, type ManagedObject } from './managed-object.ts'

export interface Revocation {
  readonly code: string
  readonly message: string | undefined
  /** Seconds since 1970; only with a compromise. */
  readonly compromiseOccurrenceDate: bigint | undefined
}

/** Whether this revocation reason makes the object Compromised. Other reasons deactivate it. */
export function isCompromise(code: string): boolean {
  return code === 'KeyCompromise' || code === 'CACompromise'
}

/** The draft of KMIP 3.0 has a separate operation for this. */
export interface Deactivation {
  readonly code: EnumName<'DeactivationReasonCode'>
  readonly message: string | undefined
}

/** Throws Fault. */
export function deactivatedObject(
  object: ManagedObject,
  { code, message }: Deactivation,
  nowMs: number,
): ManagedObject {
  const state = nextState(currentState(object, nowMs), 'deactivate')
  const dated = withDate(object.attributes, 'DeactivationDate', nowMs)
  const attributes = withAttribute(dated, 'DeactivationReason', {
    DeactivationReasonCode: code,
    ...(message !== undefined && { DeactivationMessage: message }),
  })
  return { ...object, state, attributes }
}

/** A compromise is possible in every state, even for a destroyed object. Throws Fault. */
export function revoked(
  object: ManagedObject,
  { code, message, compromiseOccurrenceDate }: Revocation,
  nowMs: number,
): ManagedObject {
  const compromised = isCompromise(code)
  const state = nextState(currentState(object, nowMs), compromised ? 'compromise' : 'deactivate')
  const date = compromised ? 'CompromiseDate' : 'DeactivationDate'
  let attributes = withDate(object.attributes, date, nowMs)
  const occurred = compromiseOccurrenceDate ?? first(attributes, 'InitialDate')
  if (compromised) attributes = withAttribute(attributes, 'CompromiseOccurrenceDate', occurred)
  attributes = withAttribute(attributes, 'RevocationReason', {
    RevocationReasonCode: code,
    ...(message !== undefined && { RevocationMessage: message }),
  })
  return { ...object, state, attributes }
}

/** The Deactivation Date for the audit entry of a change, where a restore of an older backup finds it. */
export function deactivationDetail(attributes: AttributeSet): { readonly deactivationDate?: string } {
  const ms = Number(first(attributes, 'DeactivationDate')) * 1000
  // A date beyond JavaScript's calendar never comes, and NaN is not a date.
  return Math.abs(ms) <= 8.64e15 ? { deactivationDate: new Date(ms).toISOString() } : {}
}
