// Everything of an instance in a backup opens before anything is written: its data keys, which are stored sealed as they are where this
// server has their root key, otherwise under its own; then the keys of all its objects.

import { closes, isGenuine } from '../../core/audit/marks.ts'
import { BackupError } from '../../core/backup/error.ts'
import { readRecords } from '../../core/backup/read.ts'
import { requireMaterialOpens } from '../../core/backup/verify.ts'
import type { DumpedObject, DumpedRecord } from '../../core/ports/backup.ts'
import type { StoredMark } from '../../core/ports/marks.ts'
import { RootKeyError, type OpenRootKey, type RootKey } from '../../core/ports/root-key.ts'
import { isRootKeyFile } from '../../base/root-key-file.ts'
import type { DataKeyRecord } from '../../core/ports/secrets.ts'
import { isSealedByDataKey, takeKey, type DataKey } from '../../core/sealing/envelope.ts'
import { unwrapDataKey, wrapDataKey } from '../../core/sealing/keyring.ts'
import type { Instance } from '../../core/trust/rows.ts'
import { NamedObjectsTally, type NamedObjects } from './report.ts'
import type { BackupRestoreProgress, InstanceInBackup, Working } from './source.ts'

interface OpenedDataKeys {
  readonly keys: ReadonlyMap<string, DataKey>
  /** As they are to be stored. */
  readonly records: readonly DataKeyRecord[]
  /** With the root key that it has from now on. */
  readonly instance: Instance
}

interface RestoreRootKeys {
  /** The server's own: takes over data keys whose root key is not here. */
  readonly own: RootKey
  readonly open: OpenRootKey
  /** The backup was opened by something else than this server's root key. */
  readonly mayTakeOver: boolean
}

export interface CheckedBackup extends OpenedDataKeys {
  /** Objects whose material is damaged in the backup. */
  readonly notOpening: NamedObjects
  /** Identifiers of the instance that are destroyed, as the marks of the backup say. */
  readonly destroyed: ReadonlySet<string>
}

/** Reads all of the file. Throws BackupError, RootKeyError, and what the opener throws. */
export async function checkBackup(
  root: RestoreRootKeys,
  inBackup: InstanceInBackup,
  working: Working<BackupRestoreProgress>,
): Promise<CheckedBackup> {
  const opened = await openDataKeys(root, inBackup)
  return { ...opened, ...(await checkObjects(inBackup, opened.keys, working)) }
}

async function openDataKeys(root: RestoreRootKeys, inBackup: InstanceInBackup): Promise<OpenedDataKeys> {
  const { instance, opener } = inBackup
  const keys = new Map<string, DataKey>()
  const records: DataKeyRecord[] = []
  let takenOver = false
  for (const record of inBackup.dataKeys) {
    const here = await openHere(root, record)
    if (here) {
      records.push(record)
      keys.set(record.id, here)
      continue
    }
    requireInDatabase(instance, record)
    const bytes = (await opener.dataKey(record))?.key.export()
    if (!bytes) throw new BackupError(`the backup carries no key ${record.id} for its recipients`)
    records.push(await wrapDataKey(record, bytes, root.own))
    keys.set(record.id, { id: record.id, key: takeKey(bytes) })
    takenOver = true
  }
  if (records.length === 0)
    throw new BackupError(`the backup has no data key of the instance ${instance.name}`)
  if (!takenOver || records.some(({ rootKeyUri }) => rootKeyUri === instance.rootKeyUri))
    return { keys, records, instance }
  // A move that was under way led to a root key that is not here, or away from one.
  const { work: _, ...rest } = instance
  return { keys, records, instance: { ...rest, rootKeyUri: root.own.uri } }
}

/** undefined: this server does not have its root key, and may take the data key over. */
async function openHere(
  { open, mayTakeOver }: RestoreRootKeys,
  record: DataKeyRecord,
): Promise<DataKey | undefined> {
  try {
    const rootKey = await open(record.rootKeyUri, record.instanceId)
    if (rootKey.id !== record.rootKeyId && mayTakeOver) return undefined
    return { id: record.id, key: takeKey(await unwrapDataKey(record, rootKey)) }
  } catch (error) {
    if (!mayTakeOver || !(error instanceof RootKeyError)) throw error
    // A service that does not answer now may answer later: its root key stays the one.
    if (error.reach === 'unreachable' && !isRootKeyFile(record.rootKeyUri)) throw error
    return undefined
  }
}

function requireInDatabase({ name, custody, work }: Instance, { rootKeyUri }: DataKeyRecord): void {
  if (custody === 'database' && (work === undefined || work.fromCustody === 'database')) return
  throw new BackupError(
    `the keys of the instance ${name} are beside the root key ${rootKeyUri}, which this server cannot use`,
    'Give this server access to it: its API key in MORTISE_IBM_API_KEY_FILE. The keys themselves are not in the backup.',
  )
}

/** Reads all of the file. Throws BackupError if it is not whole. */
async function checkObjects(
  inBackup: InstanceInBackup,
  keys: OpenedDataKeys['keys'],
  working: Working<BackupRestoreProgress>,
): Promise<Pick<CheckedBackup, 'notOpening' | 'destroyed'>> {
  const notOpening = new NamedObjectsTally()
  const destroyed = new Set<string>()
  for await (const page of pagesOf(inBackup, 'check', working)) {
    for (const { record } of objectsIn(page, inBackup)) {
      const { uniqueIdentifier, recoverable } = record
      const { sealed, dataKeyId } = recoverable ?? record
      if (sealed === null || !isSealedByDataKey(sealed)) continue
      try {
        requireMaterialOpens({ ...record, dataKeyId }, sealed, keys)
      } catch {
        notOpening.add(uniqueIdentifier)
      }
    }
    for (const mark of marksIn(page, inBackup))
      if (closes(mark)) destroyed.add(mark.uniqueIdentifier)
      else destroyed.delete(mark.uniqueIdentifier)
  }
  return { notOpening, destroyed }
}

export async function* pagesOf(
  { file, opener, manifest }: InstanceInBackup,
  step: BackupRestoreProgress['step'],
  { onProgress, signal }: Working<BackupRestoreProgress>,
): AsyncGenerator<readonly DumpedRecord[]> {
  const total = manifest.body.records
  let done = 0
  for await (const page of readRecords(file, opener.fileKeys)) {
    signal.throwIfAborted()
    yield page
    done += page.length
    onProgress({ step, done, total })
  }
}

export function objectsIn(
  page: readonly DumpedRecord[],
  { instance }: Pick<InstanceInBackup, 'instance'>,
): readonly DumpedObject[] {
  return page
    .flatMap((record) => (record.type === 'object' ? [record.value] : []))
    .filter(({ record }) => record.instanceId === instance.id)
}

/** Forged ones are left out: no restore closes a key by them. */
function marksIn(
  page: readonly DumpedRecord[],
  { instance, markKey }: Pick<InstanceInBackup, 'instance' | 'markKey'>,
): readonly StoredMark[] {
  return page
    .flatMap((record) => (record.type === 'mark' ? [record.value] : []))
    .filter((mark) => mark.instanceId === instance.id && isGenuine(markKey, mark))
}
