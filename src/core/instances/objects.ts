// Moves the objects of an instance to its root key and custody: opens each one where it is, stores it in the new place, and
// points to it in one commit that fails if a client changed the object meanwhile. The old stored forms are deleted after all
// objects have moved. Clients are served all the while.

import type { Custodies } from '../custody/custodies.ts'
import { CustodyRefused } from '../custody/custody.ts'
import type { Material } from '../sealing/envelope.ts'
import { fromRecord, toWrite, type ManagedObject } from '../keys/object/managed-object.ts'
import { factsOf, storedElsewhere } from '../keys/object/object-facts.ts'
import { StoreConflict } from '../ports/store.ts'
import type { StoredObject } from '../ports/objects.ts'
import { RootKeyError, type RootKey, type CorrelationIds } from '../ports/root-key.ts'
import type { Instance } from '../trust/rows.ts'
import { KeysUnavailable } from '../sealing/unwrap-cache.ts'
import type { ItemResult, WorkRun } from './run.ts'

/** Objects that long work on an instance reads at a time. */
const instanceWorkPageObjects = 200

/** All objects that are not destroyed, newest first; on request also the destroyed ones. */
export async function* liveObjects(
  { store, instanceId }: Pick<WorkRun, 'store' | 'instanceId'>,
  { includeDestroyed = false } = {},
): AsyncGenerator<StoredObject> {
  const limit = instanceWorkPageObjects
  let beforeSequence: number | undefined
  for (;;) {
    const after = beforeSequence === undefined ? {} : { beforeSequence }
    const page = await store.objects({ instanceId, includeDestroyed, limit, ...after })
    yield* page
    beforeSequence = page.at(-1)?.sequence
    if (page.length < limit) return
  }
}

/**
 * Moves the objects that are in another place, pass after pass until one finds none. `left`: the count of those that do not open,
 * because their owner deleted them at the service or because they were altered. Throws KeysUnavailable, RootKeyError, WorkOver
 * and every error of a commit.
 */
export async function moveObjects(
  run: WorkRun,
  custodies: Custodies,
  rootKey: RootKey,
): Promise<{ readonly done: number; readonly left: number }> {
  for (let moved = 0; ;) {
    const { instance } = await run.now()
    const { done, left } = await run.each(notInPlace(run, custodies, instance, rootKey), (identifier) =>
      moveObject(run, custodies, rootKey, identifier),
    )
    moved += done
    if (done === 0) return { done: moved, left }
  }
}

async function* notInPlace(
  run: WorkRun,
  custodies: Custodies,
  instance: Instance,
  rootKey: RootKey,
): AsyncGenerator<string> {
  for await (const object of liveObjects(run))
    if (!custodies.isInPlace(instance, object, rootKey)) yield object.uniqueIdentifier
}

/** Throws KeysUnavailable, RootKeyError, WorkOver and every error of a commit. */
export async function moveObject(
  run: WorkRun,
  custodies: Custodies,
  rootKey: RootKey,
  identifier: string,
): Promise<ItemResult> {
  for (;;) {
    const { instance } = await run.now()
    const stored = await run.store.object(run.instanceId, identifier)
    if (!stored || stored.sealed === null || custodies.isInPlace(instance, stored, rootKey)) return 'nothing'
    const object = fromRecord(stored)
    const correlationIds: CorrelationIds = new Set()
    const material = await openOrLeave(run, custodies, instance, object, correlationIds)
    if (material === 'changed') continue
    if (material === 'left') return 'left'
    try {
      const stays = !custodies.of(instance).fits(material)
      if (stays && stored.dataKeyId !== null) return 'nothing'
      // Otherwise the owner deleted it at the service meanwhile, or another copy replaced it: the next attempt to open it shows
      // which.
      if (await sealAnew(run, custodies, { instance, object, material, correlationIds })) return 'done'
    } catch (error) {
      // A client changed the object meanwhile: the loop moves its newest state.
      if (!(error instanceof StoreConflict)) throw error
    } finally {
      material.bytes.fill(0)
    }
  }
}

/** 'left': the object does not open, and another attempt would not change that. */
async function openOrLeave(
  run: WorkRun,
  custodies: Custodies,
  instance: Instance,
  object: ManagedObject,
  correlationIds: CorrelationIds,
): Promise<Material | 'left' | 'changed'> {
  try {
    return await custodies.openAnew(instance, object, correlationIds)
  } catch (error) {
    const isRefusal = error instanceof KeysUnavailable || error instanceof RootKeyError
    const lost = error instanceof CustodyRefused || (isRefusal && error.reach === 'wrapped-form')
    if (!lost) throw error
    const now = await run.store.object(run.instanceId, object.uniqueIdentifier)
    return now?.version === object.version ? 'left' : 'changed'
  }
}

interface Moving {
  readonly instance: Instance
  readonly object: ManagedObject
  readonly material: Material
  readonly correlationIds: CorrelationIds
}

/** Returns false if the stored form that was opened is no longer at the service. */
async function sealAnew(run: WorkRun, custodies: Custodies, moving: Moving): Promise<boolean> {
  const { instance, object, material, correlationIds } = moving
  const { instanceId, uniqueIdentifier: identifier, objectType, version } = object
  const holding = custodies.holding(object)
  const isStillThere = () => isThere(() => holding.requireThere(object, correlationIds))
  // The owner may have deleted it at the service after it was opened: then nothing may be stored above it.
  if (!(await isStillThere())) return false
  const place = { purpose: 'object', instanceId, identifier, objectType } as const
  const options = { facts: factsOf(object), replaces: object, correlationIds }
  const sealed = await custodies.seal(instance, place, material, options)
  try {
    const moved = storedElsewhere(object, sealed)
    await custodies.prove(instance, moved, material, correlationIds)
    // The owner may also have deleted it during the store: then nothing may point to the new form.
    if (!(await isStillThere())) {
      await sealed.abandon()
      return false
    }
    await run.commit({
      expect: { objects: [{ instanceId, uniqueIdentifier: identifier, version }] },
      writes: [toWrite(moved), ...sealed.writes, ...holding.leaving(object)],
      entries: [run.entry('key.reseal', identifier, { custody: instance.custody }, correlationIds)],
    })
    return true
  } catch (error) {
    await sealed.abandon()
    throw error
  }
}

async function isThere(requireThere: () => Promise<void>): Promise<boolean> {
  try {
    await requireThere()
    return true
  } catch (error) {
    if (error instanceof RootKeyError && error.reach === 'wrapped-form') return false
    throw error
  }
}
