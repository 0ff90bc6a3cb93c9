// What a restore writes into the database: objects page by page, the rows of their standard keys and of the journal's
// parts, and the instance. All of it is the same each time, so that a restore that was cut off can be done again.

import { randomUUID } from 'node:crypto'
import { limits } from '../../limits.ts'
import { toWrite } from '../managed-object.ts'
import type { ObjectRecord } from '../../ports/objects.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import type { Store, Write } from '../../ports/store.ts'
import { standardKeyPages } from '../standard-keys/pages.ts'
import type { Instance } from '../../trust/rows.ts'
import type { Journaled } from './journaled.ts'
import type { FoundPart } from './reading.ts'
import type { Going } from './recovery.ts'
import { holderOf, rowId, type Recovered, type RecoveredObject, type RecoveredPlace } from './rules.ts'

export async function writeObjects(
  store: Store,
  { objects }: Recovered,
  {
    row,
    told,
    signal,
  }: Pick<Going, 'told' | 'signal'> & { readonly row: (record: StandardKeyRecord) => Write },
): Promise<void> {
  const total = objects.length
  for (let done = 0; done < total; done += limits.restoreCommitObjects) {
    told({ step: 'write', done, total })
    signal.throwIfAborted()
    const some = objects.slice(done, done + limits.restoreCommitObjects)
    const writes = await Promise.all(
      some.map(async (one): Promise<readonly Write[]> => {
        const { instanceId, uniqueIdentifier } = one.object
        const written = await store.object(instanceId, uniqueIdentifier)
        // This database knows better: what was destroyed here stays so.
        if (written?.sealed === null) return one.row ? [row({ ...one.row, state: 'unwanted' })] : []
        return [...objectWrites(written, one), ...(one.row ? [row(one.row)] : [])]
      }),
    )
    await store.commit({ writes: writes.flat(), entries: [], durability: 'disk' })
  }
  told({ step: 'write', done: total, total })
}

/** None where a restore that was cut off has written the same. */
function objectWrites(
  written: ObjectRecord | undefined,
  { object, isEntered }: RecoveredObject,
): readonly Write[] {
  const write = { ...toWrite(object), ...(!isEntered && { journal: true }) }
  if (!written) return [write]
  const { state, attributes, sealed } = write.record
  const same =
    written.state === state &&
    Buffer.compare(written.attributes, attributes) === 0 &&
    Buffer.compare(written.sealed ?? Buffer.of(), sealed ?? Buffer.of()) === 0
  if (same) return []
  return [{ ...write, record: { ...write.record, version: Math.max(object.version, written.version + 1) } }]
}

/** Rows of a restore that was cut off. */
export async function knownRows(
  store: Store,
  instanceId: string,
): Promise<ReadonlyMap<string, StandardKeyRecord>> {
  const known = new Map<string, StandardKeyRecord>()
  for await (const page of standardKeyPages(store, { instanceId, limit: limits.restoreCommitObjects }))
    for (const record of page) known.set(record.id, record)
  return known
}

export function partRow(
  place: RecoveredPlace,
  { listed, number }: FoundPart,
  { from }: Journaled,
): StandardKeyRecord {
  const { instanceId, nowMs } = place
  return {
    id: rowId(instanceId, listed),
    instanceId,
    kind: 'journal',
    identifier: listed.name,
    generation: listed.generation,
    rootKeyUri: holderOf(place, listed).uri,
    state: number < from ? 'unwanted' : 'current',
    standardKeyId: listed.id,
    keyVersion: '',
    createdMs: listed.createdMs ?? nowMs,
  }
}

/** If keys of it lie under other root keys, it goes on to the first. */
export function instanceOf(
  { instanceId, rootKeys: [rootKey, ...others], nowMs }: RecoveredPlace,
  { settings }: Journaled,
  { objects }: Recovered,
): Instance {
  const defaults = { cacheSeconds: 300, outageSeconds: 3600, expiredGraceDays: 30, portable: false }
  const createdMs = objects[0]?.object.createdMs ?? nowMs
  const said = settings ?? { name: 'restored', createdMs, ...defaults }
  const from = others.find(({ id }) => objects.some(({ sealedBy }) => sealedBy === id))
  const custody = 'keyprotect' as const
  const move = from && {
    kind: 'move' as const,
    id: randomUUID(),
    fromRootKeyUri: from.uri,
    fromCustody: custody,
    startedMs: nowMs,
  }
  return { ...said, id: instanceId, custody, rootKeyUri: rootKey.uri, ...(move && { work: move }) }
}
