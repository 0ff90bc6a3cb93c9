// What a revocation makes of an object (KMIP 1.4 §4.20). Pure.

import { first } from '../kmip/attributes.ts'
import { nextState } from './lifecycle.ts'
import { currentState, withAttribute, type ManagedObject } from './managed-object.ts'

export interface Revocation {
  readonly code: string
  readonly message: string | undefined
  /** Seconds since 1970; only with a compromise. */
  readonly compromiseOccurrenceDate: bigint | undefined
}

/** A compromise is possible in every state, destroyed ones included. Other reasons deactivate. Throws Fault. */
export function revoked(
  object: ManagedObject,
  { code, message, compromiseOccurrenceDate }: Revocation,
  nowMs: number,
): ManagedObject {
  const compromised = code === 'KeyCompromise' || code === 'CACompromise'
  const state = nextState(currentState(object, nowMs), compromised ? 'compromise' : 'deactivate')
  const date = compromised ? 'CompromiseDate' : 'DeactivationDate'
  let attributes = withAttribute(object.attributes, date, BigInt(Math.floor(nowMs / 1000)))
  const occurred = compromiseOccurrenceDate ?? first(attributes, 'InitialDate')
  if (compromised) attributes = withAttribute(attributes, 'CompromiseOccurrenceDate', occurred)
  attributes = withAttribute(attributes, 'RevocationReason', {
    RevocationReasonCode: code,
    ...(message !== undefined && { RevocationMessage: message }),
  })
  return { ...object, state, attributes }
}
