// Reads rows of the database as the records that they were written from.

import type { DataKeyRecord } from '../ports/secrets.ts'
import type { StoredObject } from '../ports/objects.ts'
import { bytes, number, orNull, text, type Row } from './statements.ts'

export function storedObject(row: Row): StoredObject {
  return {
    instanceId: text(row, 'instanceId'),
    uniqueIdentifier: text(row, 'uniqueIdentifier'),
    objectType: text(row, 'objectType'),
    state: text(row, 'state'),
    version: number(row, 'version'),
    createdMs: number(row, 'createdMs'),
    attributes: bytes(row, 'attributes'),
    sealed: orNull(row, 'sealed', bytes),
    dataKeyId: orNull(row, 'dataKeyId', text),
    sequence: number(row, 'sequence'),
    lastFetchedMs: orNull(row, 'lastFetchedMs', number),
  }
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
