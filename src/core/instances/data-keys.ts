// Long work on the data keys of an instance: to its root key from others, and to the newest version of it. A data key stays the
// same; only its wrapped form changes, in place. A data key that seals nothing is kept too: it costs one row. The exception is
// one that its root key does not open: it is removed, since the service of that root key may be gone for good.

import { newestOf, type Keyring } from '../sealing/keyring.ts'
import { StoreConflict } from '../ports/store.ts'
import type { DataKeyRecord } from '../ports/secrets.ts'
import { RootKeyError, unlessRootKeyError, type RootKey } from '../ports/root-key.ts'
import { auditTextCharactersMax } from '../../base/bounds.ts'
import { liveObjects } from './objects.ts'
import type { WorkRun, ItemResult } from './run.ts'

/** The root key that must wrap the data keys, and for a rewrap also its version. */
export interface DataKeyTarget {
  readonly rootKey: RootKey
  /** undefined: any version will do. */
  readonly version?: string
}

export function dataKeyIsThere(record: DataKeyRecord, { rootKey, version }: DataKeyTarget): boolean {
  if (record.rootKeyUri !== rootKey.uri || record.rootKeyId !== rootKey.id) return false
  return version === undefined || rootKey.versions?.of(record.wrapped) === version
}

/**
 * Reseals all data keys that the target does not wrap yet. `failure`: why the server must try a data key again later. A root key
 * that the instance left may be unreachable, and does not block the others. Throws WorkOver and every error of a commit.
 */
export async function resealDataKeys(
  run: WorkRun,
  keyring: Keyring,
  target: DataKeyTarget,
): Promise<{ readonly done: number; readonly left: number; readonly failure: RootKeyError | undefined }> {
  const counts = { done: 0, left: 0 }
  /** By data key. */
  const failures = new Map<string, RootKeyError>()
  for (const { id } of await run.store.dataKeys(run.instanceId)) {
    const result = await resealDataKey(run, keyring, target, id).catch((error: unknown) => {
      if (!(error instanceof RootKeyError)) throw error
      failures.set(id, error)
      return 'nothing' as const
    })
    if (result === 'nothing') continue
    counts[result]++
    if (result === 'done') run.progressed()
  }
  if (failures.size > 0) for (const id of await removeUnused(run, keyring, failures)) failures.delete(id)
  return { ...counts, failure: failures.values().next().value }
}

/**
 * Removes the given data keys that seal nothing, do not open and are not the newest, which seals new objects. If a request seals
 * with one of them meanwhile, its commit fails: the trust that it read is older than this work. Returns the removed ones.
 */
async function removeUnused(
  run: WorkRun,
  keyring: Keyring,
  some: ReadonlyMap<string, RootKeyError>,
): Promise<readonly string[]> {
  const records = await run.store.dataKeys(run.instanceId)
  const unused = new Map(some)
  unused.delete(newestOf(records)?.id ?? '')
  for await (const { dataKeyId, recoverable } of liveObjects(run, { includeDestroyed: true })) {
    for (const id of [dataKeyId, recoverable?.dataKeyId]) unused.delete(id ?? '')
    if (unused.size === 0) return []
  }
  // The failure may belong to the target root key, which was to seal the data key.
  for (const record of records)
    if (unused.has(record.id) && (await opens(keyring, record))) unused.delete(record.id)
  if (unused.size === 0) return []
  await run.commit({
    writes: [...unused.keys()].map((id) => ({ type: 'data-key-removed', id }) as const),
    entries: [...unused].map(([id, { message }]) =>
      run.entry('data-key.remove', id, { cause: message.slice(0, auditTextCharactersMax) }),
    ),
  })
  return [...unused.keys()]
}

async function opens(keyring: Keyring, record: DataKeyRecord): Promise<boolean> {
  try {
    await keyring.prove(record)
    return true
  } catch (error) {
    unlessRootKeyError(error)
    return false
  }
}

async function resealDataKey(
  run: WorkRun,
  keyring: Keyring,
  target: DataKeyTarget,
  id: string,
): Promise<ItemResult> {
  for (;;) {
    await run.now()
    const record = (await run.store.dataKeys(run.instanceId)).find((known) => known.id === id)
    if (!record || dataKeyIsThere(record, target)) return 'nothing'
    try {
      const resealed = await keyring.reseal(record, target.rootKey)
      await keyring.prove(resealed)
      const write = { type: 'data-key-rewrapped', was: record.wrapped, record: resealed } as const
      await run.commit({ writes: [write], entries: [] })
      return 'done'
    } catch (error) {
      // A data key that its own root key does not open is lost with all that it seals: waiting does not help.
      if (error instanceof RootKeyError && error.reach === 'wrapped-form') return 'left'
      if (!(error instanceof StoreConflict)) throw error
    }
  }
}
