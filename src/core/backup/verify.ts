// Verifies a backup: reads all of it, opens the server's secrets, checks the MAC of each row that decides access, checks the
// audit log with its checkpoints and the marks of destroyed keys, and opens some or all keys. It changes nothing.

import { createPrivateKey, createPublicKey } from 'node:crypto'
import { counted } from '../../base/text/counted.ts'
import { signingKeyName } from '../audit/audit.ts'
import { MarksWalk } from '../audit/marks-walk.ts'
import { signedBody } from '../audit/proof.ts'
import { verifyLog } from '../audit/verify.ts'
import { dumpPageRecords } from '../../base/bounds.ts'
import { dumpedTypes, type DumpedObject, type DumpedWriter } from '../ports/backup.ts'
import type { AuditCheckpoint, WriterHead } from '../ports/audit.ts'
import type { MarksEnd } from '../ports/marks.ts'
import type { DataKeyRecord, SecretRecord } from '../ports/secrets.ts'
import { isSealedByDataKey, openMaterial, type DataKey } from '../sealing/envelope.ts'
import { openMacKey, openSecret, systemKeyName } from '../sealing/secrets.ts'
import { readRows } from '../trust/rows.ts'
import type { Manifest } from './manifest.ts'
import type { BackupOpener } from './openers.ts'
import { readRecords } from './read.ts'
import { RecordStream } from './stream.ts'

/** How many keys a verification opens, spread over the backup, unless the caller wants all. */
const backupSampleKeys = 1_000

export interface BackupProof {
  readonly ok: boolean
  /** The findings, one sentence each. */
  readonly problems: readonly string[]
  readonly secrets: number
  readonly trustRows: number
  readonly entries: number
  readonly checkpoints: number
  readonly objects: number
  /** Keys that their data key opened. */
  readonly opened: number
  /** Keys whose material is at the root key's service (custody keyprotect), and so not in the backup. */
  readonly elsewhere: number
  readonly destroyed: number
}

export interface Verifying {
  readonly file: string
  readonly manifest: Manifest
  readonly opener: BackupOpener
  /** Opens every key; otherwise a sample, spread over the backup. */
  readonly all: boolean
  readonly onProgress: (done: number, total: number) => void
}

/** The result names at most this many problems; it counts all. */
const problemsNamedMax = 20

/** Records without a proof of their own, which come between data keys and checkpoints. */
const unproved = dumpedTypes.slice(dumpedTypes.indexOf('standardKey'), dumpedTypes.indexOf('checkpoint'))

/** Throws if the object's material does not open. */
export function requireMaterialOpens(
  { instanceId, uniqueIdentifier, objectType, dataKeyId }: DumpedObject['record'],
  sealed: Uint8Array,
  dataKeys: ReadonlyMap<string, DataKey>,
): void {
  const dataKey = dataKeys.get(dataKeyId ?? '')
  if (!dataKey) throw new Error(`its data key ${dataKeyId ?? ''} is not there, or does not open`)
  const place = { purpose: 'object', instanceId, identifier: uniqueIdentifier, objectType } as const
  openMaterial(dataKey, place, sealed).bytes.fill(0)
}

/** Throws BackupError if the file itself is not whole, and the opener's error if the opener cannot open the server's own key. */
export async function verifyBackup(verifying: Verifying): Promise<BackupProof> {
  const { file, opener, manifest } = verifying
  await using stream = new RecordStream(readRecords(file, opener.fileKeys))
  const problems: string[] = []
  for await (const _ of stream.take('leastVersion'));
  const [version = 0] = await stream.all('trustVersion')
  const secrets = await stream.all('secret')
  const systemKey = await opener.systemKey(secrets)
  const opened = openSecrets(systemKey, secrets, problems)
  const rows = await stream.all('trust')
  const macKey = openMacKey(systemKey, secrets)
  problems.push(...readRows(macKey, version, rows).alarms)
  const dataKeys = await openDataKeys(opener, await stream.all('dataKey'), problems)
  for (const type of unproved) for await (const _ of stream.take(type));
  const { marks, ...log } = await verifyAudit(stream, opened, verifying, problems)
  const objects = await verifyObjects(stream, dataKeys, verifying, problems)
  const walk = new MarksWalk(macKey.markKey(), marks)
  for await (const mark of stream.take('mark')) walk.take(mark)
  problems.push(...walk.findings())
  if (!(await stream.ended())) problems.push('the backup has records where none should be')
  compareCounts(manifest, objects.byInstance, problems)
  const { total, opened: keys, elsewhere, destroyed } = objects
  const trustRows = rows.length
  const counted = {
    secrets: secrets.length,
    trustRows,
    ...log,
    objects: total,
    opened: keys,
    elsewhere,
    destroyed,
  }
  return { ok: problems.length === 0, problems: shortened(problems), ...counted }
}

/**
 * Opens every secret of the server; adds each failure to `problems`. Returns the public key that verifies checkpoints, SPKI in
 * base64; null if there is none yet.
 */
function openSecrets(
  systemKey: DataKey,
  records: readonly SecretRecord[],
  problems: string[],
): string | null {
  let publicKey: string | null = null
  for (const record of records) {
    if (record.name === systemKeyName) continue
    try {
      const bytes = openSecret(systemKey, record)
      if (record.name === signingKeyName) {
        const key = createPrivateKey({ key: bytes, type: 'pkcs8', format: 'der' })
        publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64')
      }
      bytes.fill(0)
    } catch (error) {
      problems.push(`the server's secret ${record.name} does not open: ${textOf(error)}`)
    }
  }
  return publicKey
}

async function openDataKeys(
  opener: BackupOpener,
  records: readonly DataKeyRecord[],
  problems: string[],
): Promise<ReadonlyMap<string, DataKey>> {
  const keys = new Map<string, DataKey>()
  for (const record of records) {
    try {
      const key = await opener.dataKey(record)
      if (key) keys.set(record.id, key)
    } catch (error) {
      problems.push(`the data key ${record.id} does not open with ${record.rootKeyUri}: ${textOf(error)}`)
    }
  }
  return keys
}

async function verifyAudit(
  stream: RecordStream,
  publicKey: string | null,
  { manifest, onProgress }: Verifying,
  problems: string[],
): Promise<{ readonly entries: number; readonly checkpoints: number; readonly marks: MarksEnd | null }> {
  const checkpoints = await stream.all('checkpoint')
  const writers = await stream.all('writer')
  let entries = 0
  const total = totalOf(manifest)
  const counted = (async function* () {
    for await (const entry of stream.take('entry')) {
      entries += 1
      if (entries % dumpPageRecords === 0) onProgress(entries, total)
      yield entry
    }
  })()
  if (publicKey === null) {
    for await (const _ of counted);
    if (entries > 0) problems.push('the key that signs the audit log is missing')
  } else {
    const parts = { beginnings: writers.map(beginningOf), checkpoints, entries: counted }
    problems.push(...(await verifyLog(parts, { publicKey })).problems)
  }
  return { entries, checkpoints: checkpoints.length, marks: marksOf(checkpoints.at(-1)) }
}

/** The end of the marks in the checkpoint, whose signature was verified. */
function marksOf(last: AuditCheckpoint | undefined): MarksEnd | null {
  return (last && signedBody(last)?.marks) ?? null
}

function beginningOf({ writer, prunedTo, prunedHash }: DumpedWriter): WriterHead {
  return { writer, number: prunedTo, hash: prunedHash }
}

async function verifyObjects(
  stream: RecordStream,
  dataKeys: ReadonlyMap<string, DataKey>,
  { manifest, all, onProgress }: Verifying,
  problems: string[],
) {
  const total = totalOf(manifest)
  const objects = total - manifest.audit.entries
  const step = all ? 1 : Math.max(1, Math.ceil(objects / backupSampleKeys))
  const byInstance = new Map<string, number>()
  const counts = { total: 0, opened: 0, elsewhere: 0, destroyed: 0 }
  for await (const { record } of stream.take('object')) {
    const { instanceId, recoverable } = record
    // An object that can still be brought back must open too.
    const { sealed, dataKeyId } = recoverable ?? record
    byInstance.set(instanceId, (byInstance.get(instanceId) ?? 0) + 1)
    if (record.sealed === null) counts.destroyed += 1
    if (sealed !== null && !isSealedByDataKey(sealed)) counts.elsewhere += 1
    else if (sealed !== null && counts.total % step === 0)
      counts.opened += openObject({ ...record, dataKeyId }, sealed, dataKeys, problems) ? 1 : 0
    counts.total += 1
    if (counts.total % dumpPageRecords === 0) onProgress(manifest.audit.entries + counts.total, total)
  }
  return { ...counts, byInstance }
}

function openObject(
  record: DumpedObject['record'],
  sealed: Uint8Array,
  dataKeys: ReadonlyMap<string, DataKey>,
  problems: string[],
): boolean {
  try {
    requireMaterialOpens(record, sealed, dataKeys)
    return true
  } catch (error) {
    problems.push(`the key ${record.uniqueIdentifier} does not open: ${textOf(error)}`)
    return false
  }
}

function compareCounts(
  { instances }: Manifest,
  counts: ReadonlyMap<string, number>,
  problems: string[],
): void {
  for (const { id, name, objects } of instances)
    if ((counts.get(id) ?? 0) !== objects)
      problems.push(
        `the instance ${name} has ${counted(counts.get(id) ?? 0, 'object')}, and the manifest says ${objects}`,
      )
}

function totalOf({ audit, instances }: Manifest): number {
  return audit.entries + instances.reduce((sum, { objects }) => sum + objects, 0)
}

function shortened(problems: readonly string[]): readonly string[] {
  if (problems.length <= problemsNamedMax) return problems
  return [...problems.slice(0, problemsNamedMax), `and ${problems.length - problemsNamedMax} more`]
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
