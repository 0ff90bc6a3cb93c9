// Applies to an object a revocation, a new Deactivation Date, a destruction or an undestroy that its record lacks: a restore does
// this for every later act in the audit log. State only moves forward, whatever the record says, unless the log says that the
// object was brought back. Pure.

import { first } from '../../../wire/kmip/attributes.ts'
import { enums } from '../../../wire/kmip/enums.ts'
import type { DumpedObject } from '../../ports/backup.ts'
import { isDestroyed, stateAfter, type State } from '../object/lifecycle.ts'
import {
  currentState,
  fromRecord,
  toWrite,
  withAttribute,
  withDate,
  type ManagedObject,
} from '../object/managed-object.ts'
import { withFreeNames } from '../object/object-names.ts'
import { broughtBack, destroyed } from './recovery.ts'
import { isCompromise } from '../object/revocation.ts'

export interface LaterClosing {
  /** Null: not revoked. The reason is '' if it is unknown. */
  readonly revoked: { readonly reason: string; readonly atMs: number } | null
  /** Its new Deactivation Date, in milliseconds; null: none. */
  readonly deactivatesMs: number | null
  /** Null: not destroyed, or brought back after that. */
  readonly destroyed: LaterDestruction | null
  /** Whether it was brought back; `destroyed` then means a later destruction. */
  readonly broughtBack: boolean
}

export interface LaterDestruction {
  readonly atMs: number
  /** The time to remove the material, by the recovery clock; null: it is gone. */
  readonly dueMs: number | null
}

/** The dumped object, closed or brought back. Undefined if the record is already that far. */
export function closedLater(dumped: DumpedObject, closing: LaterClosing): DumpedObject | undefined {
  const before = objectOf(dumped)
  const { recoverable } = before
  let object = closing.broughtBack && recoverable ? broughtBack(before, recoverable) : before
  if (closing.deactivatesMs !== null) object = deactivateAt(object, closing.deactivatesMs)
  if (closing.revoked) object = revoke(object, closing.revoked)
  if (closing.destroyed) object = destroy(object, closing.destroyed)
  return object === before ? undefined : dumpedAs(dumped, { ...object, version: before.version + 1 })
}

/** The dumped object without the Names that other objects have, according to `taken`. */
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

/** Only an open key gets another date. */
function deactivateAt(object: ManagedObject, ms: number): ManagedObject {
  const { state, attributes } = object
  const isSet = first(attributes, 'DeactivationDate') === BigInt(Math.floor(ms / 1000))
  if (isSet || (state !== 'PreActive' && state !== 'Active')) return object
  return { ...object, attributes: withDate(attributes, 'DeactivationDate', ms) }
}

function revoke(
  object: ManagedObject,
  { reason, atMs }: NonNullable<LaterClosing['revoked']>,
): ManagedObject {
  const compromised = isCompromise(reason)
  const state = revokedState(currentState(object, atMs), compromised)
  if (state === undefined) return object
  const dated = withDate(object.attributes, compromised ? 'CompromiseDate' : 'DeactivationDate', atMs)
  const code = Object.hasOwn(enums.RevocationReasonCode, reason) ? reason : 'Unspecified'
  const attributes = withAttribute(dated, 'RevocationReason', { RevocationReasonCode: code })
  if (!compromised) return { ...object, state, attributes }
  // The log does not have the time of the compromise; KMIP 1.4 §3.28: then it is the object's first date.
  const occurred = first(attributes, 'InitialDate')
  return { ...object, state, attributes: withAttribute(attributes, 'CompromiseOccurrenceDate', occurred) }
}

/** Undefined if the object is already closed that far. An object that is Pre-Active here was activated after the backup. */
function revokedState(now: State, compromised: boolean): State | undefined {
  if (compromised) return stateAfter(now, 'compromise')
  return stateAfter(now === 'PreActive' ? 'Active' : now, 'deactivate')
}

function destroy(object: ManagedObject, { atMs, dueMs }: LaterDestruction): ManagedObject {
  const { sealed, dataKeyId, recoverable } = object
  if (isDestroyed(object.state)) {
    if (!recoverable) return object
    return { ...object, recoverable: dueMs === null ? undefined : { ...recoverable, dueMs } }
  }
  const now = currentState(object, atMs)
  const state = now === 'Compromised' ? 'DestroyedCompromised' : 'Destroyed'
  // Material without a data key is at a root key's service, where no destroyed key waits.
  const waits = dueMs !== null && sealed !== null && dataKeyId !== null
  const kept = waits ? { sealed, dataKeyId, state: now, dueMs } : undefined
  return destroyed(object, { state, nowMs: atMs, recoverable: kept })
}
