// Reads rows of the database as the records that they were written from.

import type { AuditCheckpoint } from '../../core/ports/audit.ts'
import type { KeyObject } from 'node:crypto'
import { closes, isGenuine } from '../../core/audit/marks.ts'
import type { MarksEnd, StoredMark } from '../../core/ports/marks.ts'
import type { DataKeyRecord, SecretRecord } from '../../core/ports/secrets.ts'
import type { CertificateSeen, ClientSeen, PendingClient, TrustRow } from '../../core/ports/trust.ts'
import type { RecoveryTime, StoredObject } from '../../core/ports/objects.ts'
import { bytes, number, orNull, text, type Row } from './row.ts'

/** `markKey`: the key that signs marks. Without it, a mark that says that its object was brought back counts without a check. */
export function storedObject(row: Row, markKey?: KeyObject): StoredObject {
  const dueMs = orNull(row, 'dueMs', number)
  const [sealed, dataKeyId] = [orNull(row, 'sealed', bytes), orNull(row, 'dataKeyId', text)]
  const isRecoverable = dueMs !== null && sealed !== null
  const object = {
    instanceId: text(row, 'instanceId'),
    uniqueIdentifier: text(row, 'uniqueIdentifier'),
    objectType: text(row, 'objectType'),
    state: text(row, 'state'),
    version: number(row, 'version'),
    createdMs: number(row, 'createdMs'),
    attributes: bytes(row, 'attributes'),
    sealed: isRecoverable ? null : sealed,
    dataKeyId: isRecoverable ? null : dataKeyId,
    ...(isRecoverable && { recoverable: { sealed, dataKeyId, state: text(row, 'recoverableState'), dueMs } }),
    sequence: number(row, 'sequence'),
    lastFetchedMs: orNull(row, 'lastFetchedMs', number),
  }
  if (row['markNumber'] === undefined) return object
  return { ...object, isPutBack: object.sealed !== null && isDestroyedByMark(row, markKey) }
}

/** Whether the last mark says that the object is destroyed. A forged mark can say that, but cannot bring an object back. */
function isDestroyedByMark(row: Row, key: KeyObject | undefined): boolean {
  if (row['markNumber'] === null) return false
  const mark = lastMark(row)
  return closes(mark) || (key !== undefined && !isGenuine(key, mark))
}

/** `row`: an object's row with the last mark of its identifier. */
export function lastMark(row: Row): Omit<StoredMark, 'digest'> {
  return {
    number: number(row, 'markNumber'),
    instanceId: text(row, 'instanceId'),
    uniqueIdentifier: text(row, 'uniqueIdentifier'),
    dueMs: number(row, 'markDueMs'),
    mac: bytes(row, 'markMac'),
  }
}

export function storedMark(row: Row): StoredMark {
  return {
    number: number(row, 'number'),
    instanceId: text(row, 'instanceId'),
    uniqueIdentifier: text(row, 'uniqueIdentifier'),
    dueMs: number(row, 'dueMs'),
    mac: bytes(row, 'mac'),
    digest: bytes(row, 'digest'),
  }
}

/** `row`: the number and digest of the last mark. */
export function marksEndOf(row: Row): MarksEnd {
  return { number: number(row, 'number'), digest: Buffer.from(bytes(row, 'digest')).toString('hex') }
}

export function dataKey(row: Row): DataKeyRecord {
  return {
    id: text(row, 'id'),
    instanceId: text(row, 'instanceId'),
    rootKeyUri: text(row, 'rootKeyUri'),
    rootKeyId: text(row, 'rootKeyId'),
    wrapped: bytes(row, 'wrapped'),
    createdMs: number(row, 'createdMs'),
  }
}

export function secretRow(row: Row): SecretRecord {
  return { name: text(row, 'name'), sealed: bytes(row, 'sealed') }
}

export function trustRow(row: Row): TrustRow {
  return {
    kind: text(row, 'kind'),
    id: text(row, 'id'),
    body: text(row, 'body'),
    mac: bytes(row, 'mac'),
  }
}

export function pendingRow(row: Row): PendingClient {
  return {
    sha256: text(row, 'sha256'),
    certificate: bytes(row, 'certificate'),
    address: text(row, 'address'),
    firstMs: number(row, 'firstMs'),
    lastMs: number(row, 'lastMs'),
    attempts: number(row, 'attempts'),
  }
}

export function seenRow(row: Row): CertificateSeen {
  return {
    sha256: text(row, 'sha256'),
    lastMs: number(row, 'lastMs'),
    address: text(row, 'address'),
  }
}

export function clientSeenRow(row: Row): ClientSeen {
  return {
    clientId: text(row, 'clientId'),
    lastMs: number(row, 'lastMs'),
    address: text(row, 'address'),
    certificateSha256: text(row, 'certificate'),
  }
}

export function recoveryTimeRow(row: Row): RecoveryTime {
  return { ms: number(row, 'ms'), atMs: number(row, 'atMs') }
}

export function checkpointRow(row: Row): AuditCheckpoint {
  return {
    number: number(row, 'number'),
    body: text(row, 'body'),
    signature: text(row, 'signature'),
  }
}
