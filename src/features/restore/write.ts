// The way of an instance into the store of a running server: look, check, write, finish. Objects are written page by page, the instance
// last. What the database knows better stays, so a restore that was cut off is done again. write-whole.ts fills an empty store.

import { conflictRetriesMax } from '../../base/bounds.ts'
import { notClosed, objectName } from '../../core/backup/later.ts'
import { saysTheSame } from '../../core/custody/keyprotect/payload.ts'
import { refOf } from '../../core/custody/keyprotect/records.ts'
import { toWrite, type ManagedObject } from '../../core/keys/object/managed-object.ts'
import { asRecorded, factsOf } from '../../core/keys/object/object-facts.ts'
import type { LaterClosing } from '../../core/keys/recovery/closing.ts'
import {
  objectOfWrite,
  restoredObject,
  writeWithFreeNames,
  type RestoredWrite,
} from '../../core/keys/recovery/restored-object.ts'
import { takenNames } from '../../core/keys/transaction/names.ts'
import type { DumpedObject, DumpedRecord } from '../../core/ports/backup.ts'
import type { ObjectRecord, RecoveryTime } from '../../core/ports/objects.ts'
import type { StandardKeyRecord } from '../../core/ports/secrets.ts'
import { StoreConflict, type Store, type Write } from '../../core/ports/store.ts'
import type { Instance } from '../../core/trust/rows.ts'
import { objectsIn, pagesOf, type CheckedBackup } from './check.ts'
import { laterClosing, restoredRow } from './since.ts'
import type {
  BackupRestoreProgress,
  CheckedInstance,
  Decided,
  InstanceInBackup,
  KeyProtectProgress,
  RestoreParts,
  Source,
  Working,
} from './source.ts'
import type { FoundObject, RestoredObjects } from './sources/found-objects.ts'

/** Restores an instance. Throws what the source throws, StoreUnavailable, and the reason of the signal. */
export async function restoreInstance<Found, Opened, Page, Report>(
  store: Pick<Store, 'commit'>,
  source: Source<Found, Opened, Page, Report>,
  signal: AbortSignal,
): Promise<Report> {
  const description = await source.describe()
  return source.open(description, async (opened) => {
    const checked = await source.check(description, opened)
    signal.throwIfAborted()
    let closedAgain = 0
    for await (const page of checked.pages()) closedAgain += await writePage(store, checked, page)
    signal.throwIfAborted()
    return checked.finish(closedAgain)
  })
}

/** How many objects were closed again. Decides again where a row changed meanwhile. */
async function writePage<Page>(
  store: Pick<Store, 'commit'>,
  { decide, durability }: Pick<CheckedInstance<Page, unknown>, 'decide' | 'durability'>,
  page: Page,
): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const { writes, expected, closedAgain } = await decide(page)
    if (writes.length === 0) return closedAgain
    try {
      await store.commit({ expect: { objects: expected }, writes, entries: [], durability })
      return closedAgain
    } catch (error) {
      if (!(error instanceof StoreConflict) || attempt >= conflictRetriesMax) throw error
    }
  }
}

type Pages<Page> = Omit<CheckedInstance<Page, unknown>, 'finish'>

interface Writing
  extends
    Pick<InstanceInBackup, 'instance' | 'later'>,
    Pick<CheckedBackup, 'keys' | 'destroyed'>,
    Pick<RestoreParts, 'store' | 'marks' | 'clock'> {
  /** The database has rows of the instance, from before it was deleted or of a restore that was cut off. */
  readonly hasRows: boolean
  /** The recovery clock of this server. */
  readonly recovery: RecoveryTime | null
}

/** The objects of an instance in a backup. Durable with the next change that is. */
export async function backupPages(
  { store, marks, clock }: Pick<RestoreParts, 'store' | 'marks' | 'clock'>,
  inBackup: InstanceInBackup,
  { keys, destroyed }: Pick<CheckedBackup, 'keys' | 'destroyed'>,
  working: Working<BackupRestoreProgress>,
): Promise<Pages<readonly DumpedRecord[]>> {
  const { instance, later } = inBackup
  const some = await store.objects({ instanceId: instance.id, includeDestroyed: true, limit: 1 })
  const recovery = await store.recoveryTime()
  const here = { hasRows: some.length > 0, recovery }
  const writing: Writing = { store, marks, clock, instance, later, keys, destroyed, ...here }
  return {
    pages: () => pagesOf(inBackup, 'write', working),
    decide: async (page) => {
      const rows = page
        .flatMap((record) => (record.type === 'standardKey' ? [record.value] : []))
        .filter(({ instanceId }) => instanceId === instance.id)
      const objects = await decideObjects(writing, objectsIn(page, inBackup))
      return { ...objects, writes: [...(await rowsOf(writing, rows)), ...objects.writes] }
    },
    durability: 'process',
  }
}

async function decideObjects(writing: Writing, objects: readonly DumpedObject[]): Promise<Decided> {
  const { store, instance, keys, hasRows } = writing
  const writes: Write[] = []
  const expected: Decided['expected'][number][] = []
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
  const closing = later.closed.get(objectName(instanceId, uniqueIdentifier))
  const mark = await marks.closing(instanceId, uniqueIdentifier)
  // The rows of a destroyed key were put back before the backup.
  const isPutBack = sealed !== null && destroyed.has(uniqueIdentifier)
  if (!mark && !isPutBack) return closing && laterClosing(closing, recovery)
  // The mark knows the recovery clock. The log knows the wall clock, which may have been set since.
  const dueMs = mark && mark.dueMs > (recovery?.ms ?? 0) ? mark.dueMs : null
  const atMs = closing?.destroyed?.atMs ?? clock.now()
  return { ...laterClosing(closing ?? notClosed, recovery), destroyed: { atMs, dueMs } }
}

/** An object that is here may have been given the Name after the backup. */
async function withNamesThatAreFree(
  store: Store,
  instance: Instance,
  write: RestoredWrite,
): Promise<RestoredWrite> {
  if (write.names.length === 0) return write
  return writeWithFreeNames(write, await takenNames(store, instance, objectOfWrite(write)))
}

async function rowsOf(
  { store, marks, later }: Writing,
  rows: readonly StandardKeyRecord[],
): Promise<readonly Write[]> {
  return Promise.all(
    rows.map(async (row): Promise<Write> => {
      const mark = await marks.closing(row.instanceId, row.identifier)
      const here = mark ? { sealed: null } : await store.object(row.instanceId, row.identifier)
      return { type: 'standard-key', record: restoredRow(row, later, here) }
    }),
  )
}

/** Objects that a restore from standard keys writes together. */
const pageObjects = 200

export interface FoundPage {
  readonly objects: readonly FoundObject[]
  readonly unwanted: readonly StandardKeyRecord[]
}

/** The objects that standard keys are of, with the rows of these. */
export function keyProtectPages(
  { store, marks }: Pick<RestoreParts, 'store'> & { readonly marks: Pick<RestoreParts['marks'], 'closing'> },
  { objects, unwanted }: Pick<RestoredObjects, 'objects' | 'unwanted'>,
  {
    onProgress,
    signal,
    namesShared,
  }: Working<Omit<KeyProtectProgress, 'trouble'>> & { readonly namesShared: boolean },
): Pages<FoundPage> {
  const total = objects.length
  return {
    *pages() {
      for (let done = 0; done < total; done += pageObjects) {
        onProgress({ step: 'write', done, total })
        signal.throwIfAborted()
        yield { objects: objects.slice(done, done + pageObjects), unwanted: [] }
      }
      for (let done = 0; done < unwanted.length; done += pageObjects)
        yield { objects: [], unwanted: unwanted.slice(done, done + pageObjects) }
      onProgress({ step: 'write', done: total, total })
    },
    async decide(page) {
      const decided = await Promise.all(
        page.objects.map((one) => decideOne({ store, marks }, one, namesShared)),
      )
      return {
        writes: [...decided.flatMap(({ writes }) => writes), ...page.unwanted.map(rowWrite)],
        expected: decided.flatMap(({ expected }) => expected),
        closedAgain: 0,
      }
    },
    durability: 'disk',
  }
}

async function decideOne(
  { store, marks }: Parameters<typeof keyProtectPages>[0],
  one: FoundObject,
  namesShared: boolean,
): Promise<Omit<Decided, 'closedAgain'>> {
  const { instanceId, uniqueIdentifier } = one.object
  const written = await store.object(instanceId, uniqueIdentifier)
  // This database knows better: what was destroyed or closed here stays so, and what was not recorded yet is kept.
  if (written?.sealed === null) return { writes: [rowWrite({ ...one.row, state: 'unwanted' })], expected: [] }
  // Whatever the rows say: it does not come back, and nothing is deleted for a mark alone.
  if (await marks.closing(instanceId, uniqueIdentifier)) return { writes: [], expected: [] }
  const isNewest = refOf(written)?.standardKeyId === one.row.id
  const object = written ? asRecorded(one.object, written, { isNewest }) : one.object
  const isRecorded = saysTheSame(factsOf(object), factsOf(one.object))
  const row = isRecorded ? one.row : { ...one.row, state: 'due' as const }
  return {
    writes: [...objectWrites(written, object, namesShared), rowWrite(row)],
    expected: [{ instanceId, uniqueIdentifier, version: written?.version ?? null }],
  }
}

function rowWrite(record: StandardKeyRecord): Write {
  return { type: 'standard-key', record }
}

/** None where a restore that was cut off has written the same. */
function objectWrites(
  written: ObjectRecord | undefined,
  object: ManagedObject,
  namesShared: boolean,
): readonly Write[] {
  const write = { ...toWrite(object), namesShared }
  if (!written) return [write]
  const { state, attributes, sealed } = write.record
  const same =
    written.state === state &&
    Buffer.compare(written.attributes, attributes) === 0 &&
    Buffer.compare(written.sealed ?? Buffer.of(), sealed ?? Buffer.of()) === 0
  if (same) return []
  return [{ ...write, record: { ...write.record, version: Math.max(object.version, written.version + 1) } }]
}
