// An object as it is after a revocation or a destruction that its record does not know yet: for a restore, which applies
// again what the audit log says of later times. State only moves forward, whatever the record says. Pure.

import { enums } from '../kmip/enums.ts'
import type { DumpedObject } from '../ports/backup.ts'
import { isDestroyed, type State } from './lifecycle.ts'
import { currentState, fromRecord, toWrite, withAttribute, type ManagedObject } from './managed-object.ts'

export interface LaterClosing {
  readonly atMs: number
  /** Null: not revoked. Otherwise the reason of the revocation; '' where it is not known. */
  readonly revoked: string | null
  readonly destroyed: boolean
}

/** The dumped object, closed. Undefined if the record is closed as far already. */
export function closedLater(dumped: DumpedObject, closing: LaterClosing): DumpedObject | undefined {
  const object = fromRecord({ ...dumped.record, sequence: 0, lastFetchedMs: dumped.lastFetchedMs })
  const now = currentState(object, closing.atMs)
  const revoked = closing.revoked === null ? object : revoke(object, now, closing.revoked, closing.atMs)
  const closed = closing.destroyed && !isDestroyed(revoked.state) ? destroy(revoked, closing.atMs) : revoked
  if (closed === object) return undefined
  const { record, names, index, clockSteps } = toWrite({ ...closed, version: object.version + 1 })
  const { activates = null, deactivates = null } = clockSteps ?? {}
  return {
    ...dumped,
    record,
    names: record.sealed === null ? [] : names,
    index,
    clockSteps: { activates, deactivates },
  }
}

function revoke(object: ManagedObject, now: State, reason: string, atMs: number): ManagedObject {
  const compromised = reason === 'KeyCompromise' || reason === 'CACompromise'
  const closedAlready = now === 'Compromised' || now === 'Deactivated' || isDestroyed(now)
  if (closedAlready && !(compromised && now === 'Deactivated')) return object
  const dated = withAttribute(
    object.attributes,
    compromised ? 'CompromiseDate' : 'DeactivationDate',
    secondsOf(atMs),
  )
  const code = Object.hasOwn(enums.RevocationReasonCode, reason) ? reason : 'Unspecified'
  const attributes = withAttribute(dated, 'RevocationReason', { RevocationReasonCode: code })
  return { ...object, state: compromised ? 'Compromised' : 'Deactivated', attributes }
}

function destroy(object: ManagedObject, atMs: number): ManagedObject {
  const state = object.state === 'Compromised' ? 'DestroyedCompromised' : 'Destroyed'
  const attributes = withAttribute(object.attributes, 'DestroyDate', secondsOf(atMs))
  return { ...object, state, attributes, sealed: null, dataKeyId: null }
}

function secondsOf(ms: number): bigint {
  return BigInt(Math.floor(ms / 1000))
}
