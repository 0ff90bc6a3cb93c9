// An object as it is after a revocation, a destruction or an undestroy that its record does not know yet: for a restore, which
// applies again what the audit log says of later times. State only moves forward, whatever the record says, unless the log
// says that the object was brought back. Pure.

import { enums } from '../kmip/enums.ts'
import type { DumpedObject } from '../ports/backup.ts'
import { isDestroyed, type State } from './lifecycle.ts'
import { currentState, fromRecord, toWrite, withAttribute, type ManagedObject } from './managed-object.ts'
import { withFreeNames } from './object-facts.ts'
import { broughtBack } from './recovery.ts'

export interface LaterClosing {
  /** Null: not revoked. The reason is '' where it is not known. */
  readonly revoked: { readonly reason: string; readonly atMs: number } | null
  /** Null: not destroyed, or brought back after that. */
  readonly destroyed: LaterDestruction | null
  /** It was brought back, and not destroyed again. */
  readonly broughtBack: boolean
}

export interface LaterDestruction {
  readonly atMs: number
  /** When the material is due to be removed, by the recovery clock; null: it is gone. */
  readonly dueMs: number | null
}

/** The dumped object, closed or brought back. Undefined if the record is that far already. */
export function closedLater(dumped: DumpedObject, closing: LaterClosing): DumpedObject | undefined {
  const before = objectOf(dumped)
  const { recoverable } = before
  let object = closing.broughtBack && recoverable ? broughtBack(before, recoverable) : before
  if (closing.revoked) object = revoke(object, closing.revoked)
  if (closing.destroyed) object = destroy(object, closing.destroyed)
  return object === before ? undefined : dumpedAs(dumped, { ...object, version: before.version + 1 })
}

/** The dumped object without the Names that `taken` says others have. */
export function withNamesLeft(dumped: DumpedObject, taken: (name: string) => boolean): DumpedObject {
  return dumped.names.some(taken) ? dumpedAs(dumped, withFreeNames(objectOf(dumped), taken)) : dumped
}

function objectOf({ record, lastFetchedMs }: DumpedObject): ManagedObject {
  return fromRecord({ ...record, sequence: 0, lastFetchedMs })
}

function dumpedAs(dumped: DumpedObject, object: ManagedObject): DumpedObject {
  const { record, names, index, clockSteps } = toWrite(object)
  const { activates = null, deactivates = null } = clockSteps ?? {}
  return {
    ...dumped,
    record,
    names: record.sealed === null ? [] : names,
    index,
    clockSteps: { activates, deactivates },
  }
}

function revoke(
  object: ManagedObject,
  { reason, atMs }: NonNullable<LaterClosing['revoked']>,
): ManagedObject {
  const compromised = reason === 'KeyCompromise' || reason === 'CACompromise'
  const state = revokedState(currentState(object, atMs), compromised)
  if (state === undefined) return object
  const dated = withAttribute(
    object.attributes,
    compromised ? 'CompromiseDate' : 'DeactivationDate',
    secondsOf(atMs),
  )
  const code = Object.hasOwn(enums.RevocationReasonCode, reason) ? reason : 'Unspecified'
  const attributes = withAttribute(dated, 'RevocationReason', { RevocationReasonCode: code })
  return { ...object, state, attributes }
}

/** Undefined: it is closed that far already. */
function revokedState(now: State, compromised: boolean): State | undefined {
  if (!compromised) return now === 'PreActive' || now === 'Active' ? 'Deactivated' : undefined
  if (now === 'Destroyed') return 'DestroyedCompromised'
  return now === 'Compromised' || now === 'DestroyedCompromised' ? undefined : 'Compromised'
}

function destroy(object: ManagedObject, { atMs, dueMs }: LaterDestruction): ManagedObject {
  const { sealed, dataKeyId, recoverable } = object
  if (isDestroyed(object.state)) {
    if (!recoverable) return object
    return { ...object, recoverable: dueMs === null ? undefined : { ...recoverable, dueMs } }
  }
  const now = currentState(object, atMs)
  const state = now === 'Compromised' ? 'DestroyedCompromised' : 'Destroyed'
  const attributes = withAttribute(object.attributes, 'DestroyDate', secondsOf(atMs))
  // What is sealed without a data key is at a root key's service, where nothing waits.
  const waits = dueMs !== null && sealed !== null && dataKeyId !== null
  const kept = waits ? { sealed, dataKeyId, state: now, dueMs } : undefined
  return { ...object, state, attributes, sealed: null, dataKeyId: null, recoverable: kept }
}

function secondsOf(ms: number): bigint {
  return BigInt(Math.floor(ms / 1000))
}
