// The objects of an instance on their way from a backup into the database of this server: all of them are read and opened
// before any is written, and what the database knows better stays. Part of the composition root.

import type { Instance } from '../../core/trust/rows.ts'
import { closes, isGenuine } from '../../core/audit/marks.ts'
import { notClosed, objectName } from '../../core/backup/later.ts'
import type { Core } from '../../core/server/core.ts'
import { readRecords } from '../../core/backup/read.ts'
import { requireMaterialOpens } from '../../core/backup/verify.ts'
import type { BackupRestoreProgress } from './source.ts'
import { liveObjects } from '../../core/instances/objects.ts'
import { takenNames } from '../../core/keys/transaction/names.ts'
import type { LaterClosing } from '../../core/keys/recovery/closing.ts'
import {
  objectOfWrite,
  restoredObject,
  writeWithFreeNames,
  type ObjectWrite,
} from '../../core/keys/recovery/restored-object.ts'
import { conflictRetriesMax } from '../../base/bounds.ts'
import type { DumpedObject, DumpedRecord } from '../../core/ports/backup.ts'
import type { StoredMark } from '../../core/ports/marks.ts'
import type { RecoveryTime } from '../../core/ports/objects.ts'
import type { StandardKeyRecord } from '../../core/ports/secrets.ts'
import { StoreConflict, type Store, type Write } from '../../core/ports/store.ts'
import type { Expectation } from '../../core/ports/expectation.ts'
import { isSealedByDataKey, type DataKey } from '../../core/sealing/envelope.ts'
import type { InstanceInBackup } from './instance-backup.ts'
import { laterClosing, restoredRow } from './restore-changes.ts'

/** Objects that the report of a restore names in each of its lists. */
const restoreNamedMax = 200

export interface Named {
  readonly count: number
  /** At most `restoreNamedMax`. */
  readonly named: readonly string[]
}

export interface ObjectCounts {
  readonly notOpening: Named
  readonly closedAgain: number
}

/** Identifiers of the instance that are destroyed, as the marks of the backup say. */
type Destroyed = ReadonlySet<string>

export interface Working {
  readonly onProgress: (progress: BackupRestoreProgress) => void
  readonly signal: AbortSignal
}

type DataKeys = ReadonlyMap<string, DataKey>

/** Reads all of the file. Throws BackupError if it is not whole. */
export async function checkObjects(
  found: InstanceInBackup,
  keys: DataKeys,
  working: Working,
): Promise<Pick<ObjectCounts, 'notOpening'> & { readonly destroyed: Destroyed }> {
  const notOpening = new Naming()
  const destroyed = new Set<string>()
  for await (const page of pagesOf(found, 'check', working)) {
    for (const { record } of objectsIn(page, found)) {
      const { uniqueIdentifier, recoverable } = record
      const { sealed, dataKeyId } = recoverable ?? record
      if (sealed === null || !isSealedByDataKey(sealed)) continue
      try {
        requireMaterialOpens({ ...record, dataKeyId }, sealed, keys)
      } catch {
        notOpening.add(uniqueIdentifier)
      }
    }
    for (const mark of marksIn(page, found))
      if (closes(mark)) destroyed.add(mark.uniqueIdentifier)
      else destroyed.delete(mark.uniqueIdentifier)
  }
  return { notOpening, destroyed }
}

/** Durable with the next change that is. Throws BackupError and StoreUnavailable. */
export async function writeObjects(
  parts: Pick<Core, 'store' | 'marks' | 'clock'>,
  found: InstanceInBackup,
  { keys, destroyed }: { readonly keys: DataKeys; readonly destroyed: Destroyed },
  working: Working,
): Promise<Pick<ObjectCounts, 'closedAgain'>> {
  const { store } = parts
  const { instance, later } = found
  const hasRows =
    (await store.objects({ instanceId: instance.id, includeDestroyed: true, limit: 1 })).length > 0
  const recovery = await store.recoveryTime()
  const writing = { ...parts, instance, later, keys, destroyed, hasRows, recovery }
  let closedAgain = 0
  for await (const page of pagesOf(found, 'write', working)) {
    const rows = page
      .flatMap((record) => (record.type === 'standardKey' ? [record.value] : []))
      .filter(({ instanceId }) => instanceId === instance.id)
    if (rows.length > 0) await writeRows(writing, rows)
    const objects = objectsIn(page, found)
    if (objects.length > 0) closedAgain += await writePage(writing, objects)
  }
  return { closedAgain }
}

/** Objects of the database that no data key of the backup opens: they were made after it. */
export async function countLost(store: Store, instanceId: string, keys: DataKeys): Promise<Named> {
  const lost = new Naming()
  for await (const { sealed, dataKeyId, uniqueIdentifier } of liveObjects({ store, instanceId }))
    if (sealed !== null && dataKeyId !== null && !keys.has(dataKeyId)) lost.add(uniqueIdentifier)
  return lost
}

interface Writing
  extends Pick<InstanceInBackup, 'instance' | 'later'>, Pick<Core, 'store' | 'marks' | 'clock'> {
  readonly keys: DataKeys
  readonly destroyed: Destroyed
  /** The database has rows of the instance, from before it was deleted or of a restore that was cut off. */
  readonly hasRows: boolean
  /** The recovery clock of this server. */
  readonly recovery: RecoveryTime | null
}

async function* pagesOf(
  { file, opener, manifest }: InstanceInBackup,
  step: BackupRestoreProgress['step'],
  { onProgress, signal }: Working,
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

function objectsIn(
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

/** How many were closed again. Begins anew where a row changed meanwhile. */
async function writePage(writing: Writing, objects: readonly DumpedObject[]): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const { writes, expected, closedAgain } = await decide(writing, objects)
    if (writes.length === 0) return closedAgain
    try {
      await writing.store.commit({
        expect: { objects: expected },
        writes,
        entries: [],
        durability: 'process',
      })
      return closedAgain
    } catch (error) {
      if (!(error instanceof StoreConflict) || attempt >= conflictRetriesMax) throw error
    }
  }
}

async function decide(writing: Writing, objects: readonly DumpedObject[]) {
  const { store, instance, keys, hasRows } = writing
  const writes: Write[] = []
  const expected: NonNullable<Expectation['objects']>[number][] = []
  let closedAgain = 0
  for (const dumped of objects) {
    const { instanceId, uniqueIdentifier, dataKeyId } = dumped.record
    const here = hasRows ? await store.object(instanceId, uniqueIdentifier) : undefined
    // A reference to a standard key counts where the backup has one too; otherwise the backup has the material itself.
    const id = here?.dataKeyId ?? null
    const opens = id === null ? dataKeyId === null : keys.has(id)
    const closing = await closingOf(writing, dumped)
    const restored = restoredObject(dumped, here, { closing, opens })
    if (restored.closedAgain) closedAgain += 1
    if (!restored.write) continue
    const write = hasRows ? await withNamesThatAreFree(store, instance, restored.write) : restored.write
    writes.push({ ...write, namesShared: instance.names === 'shared' })
    expected.push({ instanceId, uniqueIdentifier, version: here?.version ?? null })
    const { lastFetchedMs: atMs } = dumped
    if (!here && atMs !== null) writes.push({ type: 'fetched', instanceId, uniqueIdentifier, atMs })
  }
  return { writes, expected, closedAgain }
}

/** Later acts on the object. A mark names its destruction, whatever rows there are and however far back the audit log reaches. */
async function closingOf(
  { marks, clock, later, destroyed, recovery }: Writing,
  { record: { instanceId, uniqueIdentifier, sealed } }: DumpedObject,
): Promise<LaterClosing | undefined> {
  const found = later.closed.get(objectName(instanceId, uniqueIdentifier))
  const mark = await marks.closing(instanceId, uniqueIdentifier)
  // Somebody put the rows of a destroyed key back before the backup.
  const isPutBack = sealed !== null && destroyed.has(uniqueIdentifier)
  if (!mark && !isPutBack) return found && laterClosing(found, recovery)
  // The mark knows the recovery clock. The log knows the wall clock, which may have been set since.
  const dueMs = mark && mark.dueMs > (recovery?.ms ?? 0) ? mark.dueMs : null
  const atMs = found?.destroyed?.atMs ?? clock.now()
  return { ...laterClosing(found ?? notClosed, recovery), destroyed: { atMs, dueMs } }
}

/** An object that is here may have been given the Name after the backup. */
async function withNamesThatAreFree(
  store: Store,
  instance: Instance,
  write: ObjectWrite,
): Promise<ObjectWrite> {
  if (write.names.length === 0) return write
  return writeWithFreeNames(write, await takenNames(store, instance, objectOfWrite(write)))
}

async function writeRows(
  { store, marks, later }: Writing,
  rows: readonly StandardKeyRecord[],
): Promise<void> {
  const writes = await Promise.all(
    rows.map(async (row): Promise<Write> => {
      const mark = await marks.closing(row.instanceId, row.identifier)
      const here = mark ? { sealed: null } : await store.object(row.instanceId, row.identifier)
      return { type: 'standard-key', record: restoredRow(row, later, here) }
    }),
  )
  await store.commit({ writes, entries: [], durability: 'process' })
}

class Naming implements Named {
  readonly named: string[] = []
  count = 0

  add(name: string): void {
    this.count += 1
    if (this.named.length < restoreNamedMax) this.named.push(name)
  }
}
