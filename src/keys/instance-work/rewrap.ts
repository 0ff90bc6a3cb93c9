// Brings objects that lie as standard keys under the newest version of their root key: the next generation is made with
// the wrapped form that the service gives, and pointed to. The one before is deleted by a sweep, when the journal knows
// of the new one (standard-keys/deletable.ts). Nothing is opened here but to see that it opens.

import { limits } from '../../limits.ts'
import { isStillThere, nextGeneration } from './objects.ts'
import { WorkOver, type WorkRun } from './run.ts'
import type { OpenRootKey } from '../../ports/root-key.ts'
import { fromRecord, toWrite, type ManagedObject } from '../managed-object.ts'
import { StoreConflict } from '../../ports/store.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import { RootKeyError, type RootKey, type Trail } from '../../ports/root-key.ts'
import type { Safe } from '../safe.ts'
import { requireStandardKeys, type StandardKeyKeeper } from '../standard-keys/keeper.ts'
import { standardKeyPages } from '../standard-keys/pages.ts'
import {
  isPlace,
  packPlace,
  packStandardKey,
  standardKeyAad,
  StandardKeyFormatError,
  unpackPlace,
  unpackStandardKey,
  type StandardKeyHeader,
} from '../standard-keys/place.ts'

export interface RewrapParts {
  readonly safe: Safe
  readonly keeper: StandardKeyKeeper
  readonly openRootKey: OpenRootKey
}

/** A newer wrapped form that the service gave by itself. */
export interface HandedBack {
  readonly was: Uint8Array
  readonly rewrapped: Uint8Array
}

/**
 * All that are not under the newest version, pass after pass until one finds none. `left`: those that the service does
 * not open any more. Throws RootKeyError, WorkOver and what a commit throws.
 */
export async function rewrapObjects(
  run: WorkRun,
  parts: RewrapParts,
  rootKey: RootKey,
): Promise<{ readonly done: number; readonly left: number }> {
  /** Made here: if the service calls its newest version by two names, this must end all the same. */
  const made = new Set<string>()
  for (let rewrapped = 0; ;) {
    const newest = (await rootKey.versions?.newest()) ?? ''
    const { done, left } = await run.each(
      outdated(run, rootKey.uri, newest),
      limits.instanceWorkAtOnce,
      async ({ identifier, standardKeyId }) => {
        if (standardKeyId === null || made.has(standardKeyId)) return 'nothing'
        const result = await rewrapObject(run, parts, { identifier, standardKeyId })
        if (typeof result === 'string') return result
        made.add(result.standardKeyId)
        return 'done'
      },
    )
    rewrapped += done
    if (done === 0) return { done: rewrapped, left }
  }
}

/** Current standard keys of objects that another version wrapped. */
export async function* outdated(
  { store, instanceId }: Pick<WorkRun, 'store' | 'instanceId'>,
  rootKeyUri: string,
  newest: string,
): AsyncGenerator<StandardKeyRecord> {
  const query = {
    instanceId,
    kind: 'object',
    state: 'current',
    limit: limits.instanceWorkPageObjects,
  } as const
  for await (const page of standardKeyPages(store, query))
    for (const record of page)
      if (record.rootKeyUri === rootKeyUri && record.keyVersion !== newest) yield record
}

/** 'nothing': it does not lie there any more. Throws RootKeyError, WorkOver and what a commit throws. */
export async function rewrapObject(
  run: WorkRun,
  parts: RewrapParts,
  { identifier, standardKeyId }: { readonly identifier: string; readonly standardKeyId: string },
  given?: HandedBack,
): Promise<(StandardKeyRecord & { readonly standardKeyId: string }) | 'nothing' | 'left'> {
  for (;;) {
    await run.now()
    const stored = await run.store.object(run.instanceId, identifier)
    if (!stored?.sealed || !isPlace(stored.sealed)) return 'nothing'
    if (unpackPlace(stored.sealed).standardKeyId !== standardKeyId) return 'nothing'
    const object = fromRecord(stored)
    const trail: Trail = new Set()
    const form = await newForm(parts.openRootKey, object, trail, given)
    if (form === 'left') return 'left'
    try {
      return await keepForm(run, parts, object, form, trail)
    } catch (error) {
      // A client was quicker: the same again, on what it made of the object.
      if (!(error instanceof StoreConflict)) throw error
    }
  }
}

interface Form {
  readonly rootKey: RootKey
  readonly header: StandardKeyHeader
  readonly wrapped: Uint8Array
  readonly keyVersion: string
}

/** Wrapped by the newest version. 'left': the service does not open it, and would not if it was tried again. */
async function newForm(
  openRootKey: OpenRootKey,
  { instanceId, uniqueIdentifier: identifier, objectType, sealed }: ManagedObject,
  trail: Trail,
  given?: HandedBack,
): Promise<Form | 'left'> {
  const place = unpackPlace(sealed ?? Buffer.of())
  const rootKey = await openRootKey(place.rootKeyUri, instanceId)
  const { versions } = rootKey
  if (rootKey.id !== place.rootKeyId || !versions) throw new WorkOver('it is another root key now')
  try {
    const payload = await requireStandardKeys(rootKey).read(place.standardKeyId, trail)
    const { header, wrapped: before } = unpackStandardKey(payload)
    if (header.instance !== instanceId || header.identifier !== identifier) return 'left'
    const aad = standardKeyAad({ instanceId, identifier, objectType }, header.head)
    const fits = given && Buffer.compare(given.was, before) === 0
    const wrapped = fits ? given.rewrapped : await versions.rewrap(before, aad, trail)
    // The form before is given up for it: it must open.
    const opened = await rootKey.unwrap(wrapped, aad, trail)
    opened.fill(0)
    return { rootKey, header, wrapped, keyVersion: versions.of(wrapped) }
  } catch (error) {
    const lost = error instanceof RootKeyError && error.reach === 'wrapped-form'
    if (lost || error instanceof StandardKeyFormatError) return 'left'
    throw error
  }
}

async function keepForm(
  run: WorkRun,
  { keeper, safe }: RewrapParts,
  object: ManagedObject,
  { rootKey, header, wrapped, keyVersion }: Form,
  trail: Trail,
): Promise<(StandardKeyRecord & { readonly standardKeyId: string }) | 'left'> {
  const { instanceId, uniqueIdentifier: identifier, version } = object
  const before = unpackPlace(object.sealed ?? Buffer.of())
  const { payloadBytesMax } = requireStandardKeys(rootKey)
  const first = await nextGeneration(run, object)
  const record = await keeper.make(
    { instanceId, kind: 'object', identifier, generation: first, rootKey },
    async (generation) => ({
      payload: packStandardKey({ ...header, generation, keyVersion }, wrapped, payloadBytesMax),
      keyVersion,
    }),
    trail,
  )
  try {
    const { generation, standardKeyId } = record
    const sealed = packPlace({ ...before, standardKeyId, generation })
    const next = { ...object, sealed, version: Math.max(version + 1, generation) }
    if (!(await isStillThere(safe, object, trail))) {
      await keeper.discard([record])
      return 'left'
    }
    const released = await safe.release(object)
    await run.commit({
      expect: { objects: [{ instanceId, uniqueIdentifier: identifier, version }] },
      writes: [{ ...toWrite(next), journal: true }, keeper.counts(record), ...released.writes],
      entries: [run.entry(identifier, { keyVersion }, trail)],
    })
    safe.rewrapped(instanceId, before.standardKeyId, standardKeyId)
    return record
  } catch (error) {
    await keeper.discard([record])
    throw error
  }
}
