// Values that store tests commit.

import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import type { Change, Store, Write } from '../../../src/core/ports/store.ts'
import type { DataKeyRecord } from '../../../src/core/ports/secrets.ts'
import type { InventoryRecord, InventoryRow } from '../../../src/core/ports/inventory.ts'
import type { ObjectRecord } from '../../../src/core/ports/objects.ts'

export function objectRecord(uniqueIdentifier: string, more: Partial<ObjectRecord> = {}): ObjectRecord {
  return {
    instanceId: 'instance-1',
    uniqueIdentifier,
    objectType: 'SymmetricKey',
    state: 'PreActive',
    version: 1,
    createdMs: 1_700_000_000_000,
    attributes: Buffer.from(`attributes of ${uniqueIdentifier}`),
    sealed: Buffer.from(`sealed material of ${uniqueIdentifier}`),
    dataKeyId: 'data-key-1',
    ...more,
  }
}

/** The object of that name, destroyed, while it can be brought back. */
export function waiting(uniqueIdentifier: string, version: number, dueMs: number): ObjectRecord {
  const { sealed, dataKeyId, state } = objectRecord(uniqueIdentifier)
  if (!sealed) throw new Error('no material')
  const gone = { version, state: 'Destroyed', sealed: null, dataKeyId: null }
  return objectRecord(uniqueIdentifier, { ...gone, recoverable: { sealed, dataKeyId, state, dueMs } })
}

export function objectWrite(
  record: ObjectRecord,
  names: readonly string[] = [],
  index: Readonly<Record<string, string>> = {},
): Extract<Write, { type: 'object' }> {
  return {
    type: 'object',
    record,
    names,
    index: Object.entries(index).map(([key, value]) => ({ key, value })),
  }
}

export function auditEntry(more: Partial<AuditEntry> = {}): AuditEntry {
  return {
    atMs: 1_700_000_000_000,
    action: 'key.create',
    result: 'success',
    instanceId: 'instance-1',
    object: 'object-1',
    actor: {
      kind: 'client',
      id: 'client-1',
      name: 'vcenter',
      certificateSha256: 'ab'.repeat(32),
      address: '192.0.2.1',
    },
    reason: null,
    requestId: null,
    detail: null,
    ...more,
  }
}

export function change(writes: readonly Write[], more: Partial<Change> = {}): Change {
  return { writes, entries: [], durability: 'disk', ...more }
}

/** Commits one object that is new. */
export function create(store: Store, record: ObjectRecord, names: readonly string[] = []): Promise<void> {
  return store.commit(
    change([objectWrite(record, names)], { entries: [auditEntry({ object: record.uniqueIdentifier })] }),
  )
}

export function trustRow(id: string, kind = 'client', body = '{}'): Write {
  return { type: 'trust', row: { kind, id, body, mac: Buffer.from(`mac of ${id}`) } }
}

export function dataKeyRecord(id: string, wrapped: string): DataKeyRecord {
  const root = { rootKeyUri: 'file:root.key', rootKeyId: 'r' }
  return { id, instanceId: 'instance-1', ...root, wrapped: Buffer.from(wrapped), createdMs: 5 }
}

/** An open one without rows. */
export function inventoryRecord(id: string, more: Partial<InventoryRecord> = {}): InventoryRecord {
  const times = { takenMs: 5, importedMs: 6 }
  return { id, instanceId: 'instance-1', vcenter: 'vc-a', state: 'open', ...times, rows: 0, ...more }
}

export function inventoryRow(key: string, name: string, more: Partial<InventoryRow> = {}): InventoryRow {
  return { key, kind: 'vm', name, machineId: 'vm-1', disk: '', provider: 'kms', ...more }
}
