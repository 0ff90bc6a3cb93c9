// Changes the records on their way from a backup into a store: closes what was withdrawn or closed since, leaves out trust
// that is too new, and seals under another root key where one takes over.

import type { KeyObject } from 'node:crypto'
import { signedMark } from '../../core/audit/marks.ts'
import { notClosed, objectName, type LaterActs } from '../../core/backup/later.ts'
import type { Manifest } from '../../core/backup/manifest.ts'
import type { BackupOpener } from '../../core/backup/openers.ts'
import { RecordStream } from '../../core/backup/stream.ts'
import { BackupError } from '../../core/backup/error.ts'
import { closedLater, withNamesLeft } from '../../core/keys/recovery/closing.ts'
import { dumpPageRecords } from '../../base/bounds.ts'
import { dumpedTypes, type DumpedObject, type DumpedRecord } from '../../core/ports/backup.ts'
import { isBack, type MarksEnd, type StoredMark } from '../../core/ports/marks.ts'
import { closedInstances } from '../../core/ports/least-version.ts'
import type { RecoveryTime } from '../../core/ports/objects.ts'
import type { RootKey } from '../../core/ports/root-key.ts'
import type { DataKeyRecord, SecretRecord } from '../../core/ports/secrets.ts'
import type { TrustRow } from '../../core/ports/trust.ts'
import type { DataKey } from '../../core/sealing/envelope.ts'
import { wrapDataKey } from '../../core/sealing/keyring.ts'
import { openMacKey, systemKeyName, wrapSystemKey } from '../../core/sealing/secrets.ts'
import { allowText } from '../../core/trust/allow.ts'
import {
  makeHead,
  makeRow,
  readRows,
  type Client,
  type RowOf,
  type TrustReading,
} from '../../core/trust/rows.ts'
import { laterClosing, limitedClient, restoredRow } from './since.ts'

export interface RestoreChanges {
  /** Null: not known. */
  readonly later: LaterActs | null
  /** Certificates and CAs that were trusted after this are not trusted any more. */
  readonly distrustNewerMs: number | null
  /** Seals data keys and secrets from now on, where the backup was opened without the root keys. */
  readonly rootKey: RootKey | null
}

/** Counts the changes while the records pass. */
export interface RestoreTally {
  revoked: number
  destroyed: number
  broughtBack: number
  withdrawn: string[]
  /** Clients that may ask for less than the backup says, with what that is. */
  limited: string[]
  blocked: number
}

export async function* changedPages(
  pages: AsyncIterable<readonly DumpedRecord[]>,
  opener: BackupOpener,
  changes: RestoreChanges,
  tally: RestoreTally,
): AsyncGenerator<readonly DumpedRecord[]> {
  await using stream = new RecordStream(pages)
  const features = await stream.all('leastVersion')
  const closes =
    changes.later !== null && (changes.later.instancesClosed.size > 0 || changes.later.serverClosed)
  const isNamed = features.some(({ name }) => name === closedInstances.name)
  yield [...features, ...(closes && !isNamed ? [closedInstances] : [])].map((value): DumpedRecord => ({
    type: 'leastVersion',
    value,
  }))
  const [version = 0] = await stream.all('trustVersion')
  const secrets = await stream.all('secret')
  const systemKey = await opener.systemKey(secrets)
  yield [
    { type: 'trustVersion', value: version },
    ...(await changedSecrets(secrets, systemKey, changes)).map((value): DumpedRecord => ({
      type: 'secret',
      value,
    })),
  ]
  const macs = openMacKey(systemKey, secrets)
  const rows = await stream.all('trust')
  const reading = readRows(macs, version, rows)
  yield changedTrust(macs, version, { rows, reading }, changes, tally).map((value): DumpedRecord => ({
    type: 'trust',
    value,
  }))
  const dataKeys = (await stream.all('dataKey')).filter(({ instanceId }) => !isGone(changes, instanceId))
  const wrapped = await Promise.all(dataKeys.map(async (record) => changedDataKey(record, opener, changes)))
  yield wrapped.map((value): DumpedRecord => ({ type: 'dataKey', value }))
  const { later } = changes
  yield* paged(stream.take('standardKey'), (value) => ({
    type: 'standardKey',
    value: later ? restoredRow(value, later, undefined) : value,
  }))
  let recovery: RecoveryTime | null = null
  for (const type of dumpedTypes.slice(dumpedTypes.indexOf('standardKey') + 1, dumpedTypes.indexOf('object')))
    yield* paged(stream.take(type), (value) => {
      if (type === 'recoveryTime') recovery = value as RecoveryTime
      return { type, value } as DumpedRecord
    })
  const instances = reading.tables.instance
  const reopened = new Map<string, number>()
  yield* paged(changedObjects(stream, { changes, recovery, tally, instances, reopened }), (value) => ({
    type: 'object',
    value,
  }))
  yield* paged(changedMarks(stream.take('mark'), macs.markKey(), reopened), (value) => ({
    type: 'mark',
    value,
  }))
  if (!(await stream.ended())) throw new BackupError('the backup has records where none should be')
}

async function changedSecrets(
  secrets: readonly SecretRecord[],
  systemKey: DataKey,
  { rootKey }: RestoreChanges,
): Promise<readonly SecretRecord[]> {
  if (!rootKey) return secrets
  const own = await wrapSystemKey(systemKey, rootKey)
  return secrets.map((record) => (record.name === systemKeyName ? own : record))
}

function changedTrust(
  macs: ReturnType<typeof openMacKey>,
  version: number,
  { rows, reading }: { readonly rows: readonly TrustRow[]; readonly reading: TrustReading },
  changes: RestoreChanges,
  tally: RestoreTally,
): readonly TrustRow[] {
  if (!reading.intact) throw new BackupError(`${reading.alarms[0]}: this backup cannot be restored`)
  const remove = removedRows(reading, changes)
  const limited = limitedClients(reading, changes)
  const put = [...addedRows(reading, changes), ...limited.map((value): RowOf => ({ kind: 'client', value }))]
  tally.withdrawn.push(...remove.flatMap(({ shown }) => (shown === null ? [] : [shown])))
  tally.limited.push(...limited.map(({ name, allow = [] }) => `${name}: ${allowText(allow) || 'nothing'}`))
  tally.blocked += put.filter(({ kind }) => kind === 'block').length
  if (remove.length + put.length === 0) return rows
  const listed = new Map(reading.macs)
  const gone = new Set(remove.map(({ name }) => name))
  for (const name of gone) listed.delete(name)
  const signed = put.map(({ kind, value }) => makeRow(macs, kind, value))
  for (const row of signed) listed.set(nameOf(row), Buffer.from(row.mac).toString('hex'))
  const replaced = new Set(signed.map(nameOf))
  const kept = rows.filter(
    (row) => row.kind !== 'head' && !gone.has(nameOf(row)) && !replaced.has(nameOf(row)),
  )
  return [...kept, ...signed, makeHead(macs, version, listed)]
}

function nameOf({ kind, id }: Pick<TrustRow, 'kind' | 'id'>): string {
  return `${kind}/${id}`
}

interface Removed {
  readonly name: string
  /** For people; null: nothing to say. */
  readonly shown: string | null
}

function removedRows(
  { tables }: TrustReading,
  { later, distrustNewerMs }: RestoreChanges,
): readonly Removed[] {
  const tooNew = (createdMs: number) => distrustNewerMs !== null && createdMs > distrustNewerMs
  const clientOf = (id: string) => tables.client.get(id)?.name ?? id
  const removed: Removed[] = []
  for (const id of tables.instance.keys())
    if (later?.instancesGone.has(id)) removed.push({ name: `instance/${id}`, shown: null })
  for (const { id, name, instanceId } of tables.client.values())
    if (isGoneClient(later, { id, instanceId }))
      removed.push({ name: `client/${id}`, shown: `client ${name}` })
  for (const kind of ['certificate', 'authority'] as const)
    for (const { id, clientId, instanceId, createdMs } of tables[kind].values()) {
      const single = later?.certificatesRemoved.has(id) === true || tooNew(createdMs)
      if (!single && !isGoneClient(later, { id: clientId, instanceId })) continue
      const what = kind === 'certificate' ? 'certificate' : 'CA'
      removed.push({
        name: `${kind}/${id}`,
        shown: single ? `${what} ${id} of the client ${clientOf(clientId)}` : null,
      })
    }
  return removed
}

function addedRows({ tables }: TrustReading, { later, rootKey }: RestoreChanges): readonly RowOf[] {
  const blocks = [...(later?.blocked ?? [])]
    .filter(([id]) => !tables.block.has(id))
    .map(([id, createdMs]): RowOf => ({
      kind: 'block',
      value: { id, reason: 'blocked after the backup', createdMs },
    }))
  const instances = [...tables.instance.values()]
    .filter(({ id }) => later?.instancesGone.has(id) !== true)
    .flatMap((before): readonly RowOf[] => {
      const { custody, rootKeyUri } = before
      const moves = rootKey !== null && custody === 'database' && rootKeyUri !== rootKey.uri
      const closed = later?.instancesClosed.get(before.id)
      const value = {
        ...before,
        ...(moves && { rootKeyUri: rootKey.uri }),
        ...(closed && { closed }),
        ...(later?.serverClosed && { closedWithServer: later.serverClosed }),
      }
      return moves || closed || later?.serverClosed ? [{ kind: 'instance', value }] : []
    })
  return [...blocks, ...instances]
}

/** Clients that were allowed less after the backup. */
function limitedClients({ tables }: TrustReading, { later }: RestoreChanges): readonly Client[] {
  return [...tables.client.values()].flatMap((client) => {
    const limited = limitedClient(client, later?.allowed.get(client.id))
    return limited === client || isGoneClient(later, client) ? [] : [limited]
  })
}

function isGoneClient(
  later: RestoreChanges['later'],
  { id, instanceId }: Pick<Client, 'id' | 'instanceId'>,
): boolean {
  return later?.clientsRemoved.has(id) === true || later?.instancesEmptied.has(instanceId) === true
}

function isGone({ later }: RestoreChanges, instanceId: string): boolean {
  return later?.instancesGone.has(instanceId) === true
}

async function changedDataKey(
  record: DataKeyRecord,
  opener: BackupOpener,
  { rootKey }: RestoreChanges,
): Promise<DataKeyRecord> {
  if (!rootKey) return record
  const bytes = (await opener.dataKey(record))?.key.export()
  // The old root key keeps wrapping this data key, since it lies in Key Protect beside the keys of the instance.
  if (!bytes) return record
  try {
    return await wrapDataKey(record, bytes, rootKey)
  } finally {
    bytes.fill(0)
  }
}

interface ObjectChanges {
  readonly changes: RestoreChanges
  /** The recovery clock as the backup has it. */
  readonly recovery: RecoveryTime | null
  readonly tally: RestoreTally
  readonly instances: TrustReading['tables']['instance']
  /** Takes `dueMs` of the mark for each that was brought back, by its `objectName`: also if it was destroyed again since. */
  readonly reopened: Map<string, number>
}

/**
 * Objects that were brought back after the backup come last, without the Names that others have by then, unless their instance
 * lets them share Names.
 */
async function* changedObjects(stream: RecordStream, parts: ObjectChanges): AsyncGenerator<DumpedObject> {
  const { changes, tally, reopened } = parts
  const back: DumpedObject[] = []
  const taken = new Set<string>()
  const someCameBack = [...(changes.later?.closed.values() ?? [])].some(({ broughtBack }) => broughtBack)
  for await (const object of stream.take('object')) {
    const changed = changedObject(object, parts)
    const { recoverable: before } = object.record
    const { instanceId, uniqueIdentifier, sealed, recoverable: now } = changed.record
    if (before && (now ? now.dueMs !== before.dueMs : sealed))
      reopened.set(objectName(instanceId, uniqueIdentifier), now?.dueMs ?? isBack)
    if (object.record.sealed === null && changed.record.sealed !== null) {
      back.push(changed)
      continue
    }
    if (someCameBack) for (const name of changed.names) taken.add(objectName(changed.record.instanceId, name))
    yield changed
  }
  for (const object of back) {
    const { instanceId } = object.record
    const isShared = parts.instances.get(instanceId)?.names === 'shared'
    const left = withNamesLeft(object, (name) => !isShared && taken.has(objectName(instanceId, name)))
    for (const name of left.names) taken.add(objectName(instanceId, name))
    tally.broughtBack += 1
    yield left
  }
}

/** The marks of a backup, and further ones where `reopened` says something else than the last mark of a key. */
async function* changedMarks(
  marks: AsyncIterable<StoredMark>,
  key: KeyObject,
  reopened: ReadonlyMap<string, number>,
): AsyncGenerator<StoredMark> {
  const last = new Map<string, StoredMark>()
  let end: MarksEnd | null = null
  for await (const mark of marks) {
    const name = objectName(mark.instanceId, mark.uniqueIdentifier)
    if (reopened.has(name)) last.set(name, mark)
    end = { number: mark.number, digest: Buffer.from(mark.digest).toString('hex') }
    yield mark
  }
  for (const [name, { instanceId, uniqueIdentifier, dueMs: before }] of last) {
    const dueMs = reopened.get(name) ?? before
    if (dueMs === before) continue
    const next: ReturnType<typeof signedMark> = signedMark(key, end, { instanceId, uniqueIdentifier, dueMs })
    end = next.end
    yield next.mark
  }
}

function changedObject(
  object: DumpedObject,
  { changes: { later }, recovery, tally }: ObjectChanges,
): DumpedObject {
  if (!later) return object
  const { instanceId, uniqueIdentifier } = object.record
  const gone = later.instancesGone.has(instanceId)
  const logged = later.closed.get(objectName(instanceId, uniqueIdentifier))
  const closing = gone
    ? laterClosing({ ...notClosed, destroyed: { atMs: later.upToMs ?? 0, untilMs: null } }, recovery)
    : logged && laterClosing(logged, recovery)
  const closed = closing && closedLater(object, closing)
  if (!closed) return object
  if (closed.record.sealed === null) tally.destroyed += 1
  // A Deactivation Date that was set later leaves the state to the clock.
  else if (object.record.sealed !== null && closed.record.state !== object.record.state) tally.revoked += 1
  return closed
}

async function* paged<T>(
  values: AsyncIterable<T>,
  make: (value: T) => DumpedRecord,
): AsyncGenerator<readonly DumpedRecord[]> {
  let page: DumpedRecord[] = []
  for await (const value of values) {
    if (page.push(make(value)) < dumpPageRecords) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

/** The same pages. Reports how many records have passed. */
export async function* reported(
  pages: AsyncIterable<readonly DumpedRecord[]>,
  { body }: Manifest,
  onProgress: (done: number, total: number) => void,
): AsyncGenerator<readonly DumpedRecord[]> {
  let done = 0
  for await (const page of pages) {
    yield page
    done += page.length
    onProgress(done, body.records)
  }
}
