// The time after a backup, as this server's own audit log says, or an export or a checkpoint of the server that ran last; and what follows
// from it for one client, one closing and one standard key.

import { createPublicKey } from 'node:crypto'
import { open } from 'node:fs/promises'
import { dumpPageRecords } from '../../base/bounds.ts'
import { auditEntries } from '../../core/audit/entries.ts'
import { linesOf, readExport, type ExportedLog } from '../../core/audit/export.ts'
import { genuineBody } from '../../core/audit/verify.ts'
import { BackupError } from '../../core/backup/error.ts'
import {
  actsOf,
  continuesLog,
  laterActs,
  objectName,
  prunedSince,
  tellsOfClosing,
  type ExportedActs,
  type LaterActs,
  type LoggedClosing,
} from '../../core/backup/later.ts'
import type { Manifest } from '../../core/backup/manifest.ts'
import { cannotRead } from '../../core/backup/read.ts'
import type { LaterClosing } from '../../core/keys/recovery/closing.ts'
import type { AuditCheckpoint, AuditEntry, AuditStore, StoredAuditEntry } from '../../core/ports/audit.ts'
import type { ObjectRecord, RecoveryTime } from '../../core/ports/objects.ts'
import type { StandardKeyRecord } from '../../core/ports/secrets.ts'
import { allowOf, inBoth, type Allow } from '../../core/trust/allow.ts'
import type { Client } from '../../core/trust/rows.ts'

/**
 * The acts on the instance in this server's own log, after what the backup has of it. The numbers of the entries decide, since
 * the clock may have been set back.
 */
export async function actsHere(
  store: Pick<AuditStore, 'audit'>,
  { audit }: Manifest,
  instanceId: string,
): Promise<LaterActs> {
  const heads = new Map(audit.heads.map(({ writer, number }) => [writer, number]))
  const entries: StoredAuditEntry[] = []
  const query = { instanceId, order: 'newest', limit: dumpPageRecords } as const
  for await (const entry of auditEntries(store, query)) {
    if (entry.number <= (heads.get(entry.writer) ?? 0)) break
    if (tellsOfClosing(JSON.parse(entry.body) as AuditEntry)) entries.push(entry)
  }
  return actsOf(entries.toReversed())
}

/** Whether this server goes on from the backup, and so has newer blocks; and whether its log still has all that came after it. */
export async function knownHere(
  { store, serverId }: { readonly store: Pick<AuditStore, 'auditHeads'>; readonly serverId: string },
  manifest: Manifest,
): Promise<{ readonly continues: boolean; readonly closingsKnown: boolean }> {
  const { heads, beginnings } = await store.auditHeads()
  const continues = manifest.serverId === serverId && continuesLog(heads, manifest)
  return { continues, closingsKnown: continues && prunedSince(beginnings, manifest) === 0 }
}

/** The acts in an exported log. Throws BackupError. */
export async function readLater(
  file: string,
  manifest: Manifest,
  publicKey: string | undefined,
): Promise<ExportedActs> {
  return laterActs(await readLog(file), manifest, publicKey ?? '')
}

async function readLog(file: string): Promise<ExportedLog> {
  await using handle = await open(file, 'r').catch((cause: unknown) => {
    throw cannotRead(file, cause)
  })
  try {
    return await readExport(linesOf(handle.createReadStream({ autoClose: false })))
  } catch (cause) {
    if (cause instanceof Error && 'syscall' in cause) throw cannotRead(file, cause)
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new BackupError(
      `${file} is not an audit export: ${why}`,
      'Make one with: mortise audit export FILE',
      { cause },
    )
  }
}

/** How many audit entries were written after the backup, as far as a checkpoint that was kept outside knows. */
export function entriesBeyond(
  checkpoint: AuditCheckpoint,
  { audit }: Manifest,
  publicKey: string | undefined,
): { readonly entries: number; readonly atMs: number } {
  const der = Buffer.from(publicKey ?? '', 'base64')
  const body =
    publicKey && genuineBody(checkpoint, createPublicKey({ key: der, format: 'der', type: 'spki' }))
  if (!body) throw new BackupError('the checkpoint was not signed by the server that made this backup')
  const heads = new Map(audit.heads.map(({ writer, number }) => [writer, number]))
  const entries = body.heads.reduce(
    (sum, { writer, number }) => sum + Math.max(0, number - (heads.get(writer) ?? 0)),
    0,
  )
  return { entries, atMs: body.atMs }
}

/** The client after the restore: it may do what the backup allows and also `allowed`, its last list in the audit log, if there is one. It gains no operation. */
export function limitedClient<C extends Client>(client: C, allowed: Allow | undefined): C {
  const before = allowOf(client)
  const after = allowed === undefined ? before : inBoth(before, allowed)
  return after === before ? client : { ...client, allow: after }
}

/**
 * The row of a standard key in a backup. If its object was destroyed since, it is to be deleted at the service; if it was
 * revoked or got a Deactivation Date, that is to be recorded there, unless it is. `here`: the object as this database has it.
 */
export function restoredRow(
  record: StandardKeyRecord,
  later: LaterActs,
  here: Pick<ObjectRecord, 'sealed'> | undefined,
): StandardKeyRecord {
  const { kind, instanceId, identifier } = record
  if (kind !== 'object') return record
  const logged = later.closed.get(objectName(instanceId, identifier))
  if (here?.sealed === null || logged?.destroyed) return { ...record, state: 'unwanted' }
  const closes = logged !== undefined && (logged.revoked ?? logged.deactivatesMs) !== null
  return closes && record.state === 'current' ? { ...record, state: 'due' } : record
}

/** The audit log says the time by the wall clock; the recovery clock was behind it or ahead. */
export function laterClosing(
  { destroyed, ...logged }: LoggedClosing,
  recovery: RecoveryTime | null,
): LaterClosing {
  if (!destroyed) return { ...logged, destroyed }
  const { atMs, untilMs } = destroyed
  const aheadMs = recovery ? recovery.ms - recovery.atMs : 0
  return { ...logged, destroyed: { atMs, dueMs: untilMs === null ? null : untilMs + aheadMs } }
}
