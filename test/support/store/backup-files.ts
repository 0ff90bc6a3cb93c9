// Backups of records that a test names, without a store; and their files, altered.

import { randomBytes } from 'node:crypto'
import {
  makeFileKey,
  sealForRecipients,
  type CarriedKeys,
  type FileKeys,
} from '../../../src/core/backup/keys.ts'
import type { Manifest } from '../../../src/core/backup/manifest.ts'
import { readRecords } from '../../../src/core/backup/read.ts'
import { writeBackup } from '../../../src/core/backup/write.ts'
import type { DumpedRecord, StoreDump } from '../../../src/core/ports/backup.ts'
import type { RootKey } from '../../../src/core/ports/root-key.ts'
import { objectRecord } from './store-values.ts'

export function dumpedObject(
  id: string,
  attributes: Buffer = Buffer.from(`attributes of ${id}`),
): DumpedRecord {
  const record = objectRecord(id, { attributes })
  const value = {
    record,
    names: [],
    index: [],
    clockSteps: { activates: null, deactivates: null },
    lastFetchedMs: 3,
  }
  return { type: 'object', value }
}

export function dumpOf(records: readonly DumpedRecord[]): StoreDump {
  return {
    counts: { entries: 0, objects: { 'instance-1': records.length } },
    async *pages() {
      for (let at = 0; at < records.length; at += 100) yield records.slice(at, at + 100)
    },
    close: () => undefined,
  }
}

export interface WrittenBackup {
  readonly manifest: Manifest
  readonly keys: FileKeys
}

export async function writeRecords(
  file: string,
  rootKey: RootKey,
  dump: StoreDump,
  more: {
    readonly force?: boolean
    readonly recipients?: readonly string[]
    readonly carried?: CarriedKeys
    readonly freeBytesMin?: number
    readonly created?: string
  } = {},
): Promise<WrittenBackup> {
  const id = randomBytes(16).toString('hex')
  const { keys, bytes, wrapped } = await makeFileKey(rootKey, id, 'server-1')
  const { recipients = [], carried = new Map(), created = '2026-01-01T00:00:00.000Z' } = more
  const sealed = recipients.length === 0 ? null : await sealForRecipients(recipients, bytes, carried)
  const manifest = await writeBackup(dump, {
    file,
    force: more.force ?? false,
    keys,
    writer: 'server-1',
    about: { version: '1.2.3', id, serverId: 'server-1', created, key: wrapped },
    recipients: Promise.resolve(sealed),
    systemKeyName: 'system-data-key',
    freeBytesMin: more.freeBytesMin ?? 0,
    onProgress: () => undefined,
  })
  return { manifest, keys }
}

export async function allRecords(file: string, keys: FileKeys): Promise<DumpedRecord[]> {
  const records: DumpedRecord[] = []
  for await (const page of readRecords(file, keys)) records.push(...page)
  return records
}
