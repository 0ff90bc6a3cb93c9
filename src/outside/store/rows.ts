// Reads rows of the database as the records that they were written from.

import type { AuditCheckpoint } from '../../core/ports/audit.ts'
import type { KeyObject } from 'node:crypto'
import { closes, isGenuine } from '../../core/audit/marks.ts'
import type { MarksEnd, StoredMark } from '../../core/ports/marks.ts'
import type { DataKeyRecord, SecretRecord } from '../../core/ports/secrets.ts'
import type { CertificateSeen, ClientSeen, PendingClient, TrustRow } from '../../core/ports/trust.ts'
import type { RecoveryTime, StoredObject } from '../../core/ports/objects.ts'
import { bytesIn, numberIn, orNull, textIn, type Row } from './row.ts'

/** `markKey`: the key that signs marks. Without it, a mark that says that its object was brought back counts without a check. */
export function storedObject(row: Row, markKey?: KeyObject): StoredObject {
  const dueMs = orNull(row, 'dueMs', numberIn)
  const [sealed, dataKeyId] = [orNull(row, 'sealed', bytesIn), orNull(row, 'dataKeyId', textIn)]
  const isRecoverable = dueMs !== null && sealed !== null
  const object = {
    instanceId: textIn(row, 'instanceId'),
    uniqueIdentifier: textIn(row, 'uniqueIdentifier'),
    objectType: textIn(row, 'objectType'),
    state: textIn(row, 'state'),
    version: numberIn(row, 'version'),
    createdMs: numberIn(row, 'createdMs'),
    attributes: bytesIn(row, 'attributes'),
    sealed: isRecoverable ? null : sealed,
    dataKeyId: isRecoverable ? null : dataKeyId,
    ...(isRecoverable && {
      recoverable: { sealed, dataKeyId, state: textIn(row, 'recoverableState'), dueMs },
    }),
    sequence: numberIn(row, 'sequence'),
    lastFetchedMs: orNull(row, 'lastFetchedMs', numberIn),
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
    number: numberIn(row, 'markNumber'),
    instanceId: textIn(row, 'instanceId'),
    uniqueIdentifier: textIn(row, 'uniqueIdentifier'),
    dueMs: numberIn(row, 'markDueMs'),
    mac: bytesIn(row, 'markMac'),
  }
}

export function storedMark(row: Row): StoredMark {
  return {
    number: numberIn(row, 'number'),
    instanceId: textIn(row, 'instanceId'),
    uniqueIdentifier: textIn(row, 'uniqueIdentifier'),
    dueMs: numberIn(row, 'dueMs'),
    mac: bytesIn(row, 'mac'),
    digest: bytesIn(row, 'digest'),
  }
}

/** `row`: the number and digest of the last mark. */
export function marksEndOf(row: Row): MarksEnd {
  return { number: numberIn(row, 'number'), digest: Buffer.from(bytesIn(row, 'digest')).toString('hex') }
}

export function dataKey(row: Row): DataKeyRecord {
  return {
    id: textIn(row, 'id'),
    instanceId: textIn(row, 'instanceId'),
    rootKeyUri: textIn(row, 'rootKeyUri'),
    rootKeyId: textIn(row, 'rootKeyId'),
    wrapped: bytesIn(row, 'wrapped'),
    createdMs: numberIn(row, 'createdMs'),
  }
}

export function secretRow(row: Row): SecretRecord {
  return { name: textIn(row, 'name'), sealed: bytesIn(row, 'sealed') }
}

export function trustRow(row: Row): TrustRow {
  return {
    kind: textIn(row, 'kind'),
    id: textIn(row, 'id'),
    body: textIn(row, 'body'),
    mac: bytesIn(row, 'mac'),
  }
}

export function pendingRow(row: Row): PendingClient {
  return {
    sha256: textIn(row, 'sha256'),
    certificate: bytesIn(row, 'certificate'),
    address: textIn(row, 'address'),
    firstMs: numberIn(row, 'firstMs'),
    lastMs: numberIn(row, 'lastMs'),
    attempts: numberIn(row, 'attempts'),
  }
}

export function seenRow(row: Row): CertificateSeen {
  return {
    sha256: textIn(row, 'sha256'),
    lastMs: numberIn(row, 'lastMs'),
    address: textIn(row, 'address'),
  }
}

export function clientSeenRow(row: Row): ClientSeen {
  return {
    clientId: textIn(row, 'clientId'),
    lastMs: numberIn(row, 'lastMs'),
    address: textIn(row, 'address'),
    certificateSha256: textIn(row, 'certificate'),
  }
}

export function recoveryTimeRow(row: Row): RecoveryTime {
  return { ms: numberIn(row, 'ms'), atMs: numberIn(row, 'atMs') }
}

export function checkpointRow(row: Row): AuditCheckpoint {
  return {
    number: numberIn(row, 'number'),
    body: textIn(row, 'body'),
    signature: textIn(row, 'signature'),
  }
}
