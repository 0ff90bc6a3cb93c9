// Makes the row that the database keeps of each standard key, and the audit entries for what the server does on its own.

import { serverActor } from '../../audit/actor.ts'
import type { AuditEntry } from '../../ports/audit.ts'
import { namedCalls } from '../../audit/correlation-ids.ts'
import type { CorrelationIds } from '../../ports/root-key.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import type { StoredObject } from '../../ports/objects.ts'
import { decodeStandardKeyRef, isStandardKeyRef, type StandardKeyRef } from './reference.ts'

/** An object of an instance. */
export interface ObjectId {
  readonly instanceId: string
  readonly identifier: string
}

/** A copy that was created at the service. */
export interface MadeCopy {
  readonly id: string
  readonly generation: number
  readonly keyVersion: string
}

export function rowOf(
  { instanceId, identifier }: ObjectId,
  { id, generation, keyVersion }: MadeCopy,
  rootKeyUri: string,
  createdMs: number,
): StandardKeyRecord {
  const state = 'current'
  return {
    id,
    instanceId,
    kind: 'object',
    identifier,
    generation,
    rootKeyUri,
    state,
    keyVersion,
    createdMs,
  }
}

export function serverEntry(
  action: AuditEntry['action'],
  { instanceId, identifier }: ObjectId,
  detail: NonNullable<AuditEntry['detail']>,
  { atMs, correlationIds = new Set() }: { readonly atMs: number; readonly correlationIds?: CorrelationIds },
): AuditEntry {
  return {
    atMs,
    action,
    result: 'success',
    instanceId,
    object: identifier,
    actor: serverActor,
    reason: null,
    requestId: null,
    detail: { ...detail, ...namedCalls(correlationIds) },
  }
}

/** The reference to the standard key that holds the object; undefined: no standard key holds it. */
export function refOf(stored: Pick<StoredObject, 'sealed'> | undefined): StandardKeyRef | undefined {
  const sealed = stored?.sealed ?? null
  return isStandardKeyRef(sealed) ? decodeStandardKeyRef(sealed) : undefined
}
