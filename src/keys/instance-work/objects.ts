// Moves the objects of an instance to where its root key and custody say that they lie: opened where they are, sealed
// anew, pointed to in one commit that fails when a client changed the object meanwhile, and given up by it where they
// were: a sweep deletes them there, when the journal knows of it. Clients go on all the while.

import { Fault } from '../../kmip/fault.ts'
import { limits } from '../../limits.ts'
import type { Material } from '../../sealing/envelope.ts'
import type { ItemResult, WorkRun } from './run.ts'
import { fromRecord, toWrite, type ManagedObject } from '../managed-object.ts'
import { StoreConflict } from '../../ports/store.ts'
import type { ObjectRecord, StoredObject } from '../../ports/objects.ts'
import { RootKeyError, type RootKey, type Trail } from '../../ports/root-key.ts'
import { fitsStandardKey, type Safe } from '../safe.ts'
import { isPlace, unpackPlace } from '../standard-keys/place.ts'
import { keepsJournal, type Custody, type Instance } from '../../trust/rows.ts'
import { KeysUnavailable } from '../../sealing/unwrap-cache.ts'

export interface ObjectTarget {
  readonly custody: Custody
  readonly rootKey: Pick<RootKey, 'uri' | 'id'>
}

/** Bytes of a sealed object besides its material, at most. */
const sealedOverheadBytesMax = 512

/** As far as can be told without opening it: of one that is sealed by a data key perhaps its material does not fit. */
export function objectIsThere(
  { sealed }: Pick<ObjectRecord, 'sealed'>,
  { custody, rootKey }: ObjectTarget,
): boolean {
  if (sealed === null) return true
  if (!isPlace(sealed))
    return custody === 'database' || sealed.length > limits.rootKeyPlaintextBytesMax + sealedOverheadBytesMax
  const { rootKeyUri, rootKeyId } = unpackPlace(sealed)
  return custody === 'keyprotect' && rootKeyUri === rootKey.uri && rootKeyId === rootKey.id
}

/** All that are not destroyed, newest first. */
export async function* liveObjects(run: Pick<WorkRun, 'store' | 'instanceId'>): AsyncGenerator<StoredObject> {
  const { store, instanceId } = run
  let beforeSequence: number | undefined
  for (;;) {
    const after = beforeSequence === undefined ? {} : { beforeSequence }
    const page = await store.objects({ instanceId, limit: limits.instanceWorkPageObjects, ...after })
    yield* page
    beforeSequence = page.at(-1)?.sequence
    if (page.length < limits.instanceWorkPageObjects) return
  }
}

/**
 * Those that are not there yet, pass after pass until one finds none. `left`: those that do not open, because their
 * owner deleted them at the service or they were altered. Throws KeysUnavailable, RootKeyError, WorkOver and what a
 * commit throws.
 */
export async function moveObjects(
  run: WorkRun,
  safe: Safe,
  target: ObjectTarget,
): Promise<{ readonly done: number; readonly left: number }> {
  for (let moved = 0; ;) {
    const { done, left } = await run.each(astray(run, target), limits.instanceWorkAtOnce, (identifier) =>
      moveObject(run, safe, target, identifier),
    )
    moved += done
    if (done === 0) return { done: moved, left }
  }
}

async function* astray(run: WorkRun, target: ObjectTarget): AsyncGenerator<string> {
  for await (const object of liveObjects(run))
    if (!objectIsThere(object, target)) yield object.uniqueIdentifier
}

async function moveObject(
  run: WorkRun,
  safe: Safe,
  target: ObjectTarget,
  identifier: string,
): Promise<ItemResult> {
  for (;;) {
    const { instance } = await run.now()
    const stored = await run.store.object(run.instanceId, identifier)
    if (!stored || objectIsThere(stored, target)) return 'nothing'
    const object = fromRecord(stored)
    const trail: Trail = new Set()
    const material = await openOrLeave(run, safe, instance, object, trail)
    if (material === 'changed') continue
    if (material === 'left') return 'left'
    try {
      const stays = instance.custody === 'keyprotect' && !fitsStandardKey(material)
      if (stays && stored.dataKeyId !== null) return 'nothing'
      return await sealAnew(run, safe, { instance, object, material, trail })
    } catch (error) {
      // A client was quicker: the same again, on what it made of the object.
      if (!(error instanceof StoreConflict)) throw error
    } finally {
      material.bytes.fill(0)
    }
  }
}

/** 'left': it does not open, and would not if it was tried again. */
async function openOrLeave(
  run: WorkRun,
  safe: Safe,
  instance: Instance,
  object: ManagedObject,
  trail: Trail,
): Promise<Material | 'left' | 'changed'> {
  try {
    return await safe.openAnew(instance, object, trail)
  } catch (error) {
    const isNo = error instanceof KeysUnavailable || error instanceof RootKeyError
    const lost = error instanceof Fault || (isNo && error.reach === 'wrapped-form')
    if (!lost) throw error
    const now = await run.store.object(run.instanceId, object.uniqueIdentifier)
    return now?.version === object.version ? 'left' : 'changed'
  }
}

interface Moving {
  readonly instance: Instance
  readonly object: ManagedObject
  readonly material: Material
  readonly trail: Trail
}

async function sealAnew(run: WorkRun, safe: Safe, moving: Moving): Promise<'done' | 'left'> {
  const { instance, object, material, trail } = moving
  const { instanceId, uniqueIdentifier: identifier, objectType, attributes } = object
  const place = { purpose: 'object', instanceId, identifier, objectType } as const
  const generation = await nextGeneration(run, object)
  const sealed = await safe.seal(instance, place, material, { attributes, generation, trail })
  const moved = {
    ...object,
    sealed: sealed.sealed,
    dataKeyId: sealed.dataKeyId,
    version: Math.max(object.version + 1, generationOf(sealed.sealed)),
  }
  try {
    await safe.prove(instance, moved, material, trail)
    if (!(await isStillThere(safe, object, trail))) {
      await sealed.abandon()
      return 'left'
    }
    const released = await safe.release(object)
    const journal = keepsJournal(instance) && { journal: true }
    await run.commit({
      expect: { objects: [{ instanceId, uniqueIdentifier: identifier, version: object.version }] },
      writes: [{ ...toWrite(moved), ...journal }, ...sealed.writes, ...released.writes],
      entries: [run.entry(identifier, { custody: instance.custody }, trail)],
    })
    return 'done'
  } catch (error) {
    await sealed.abandon()
    throw error
  }
}

/** Its owner may have deleted it at the service since it was opened: then it stays so. */
export async function isStillThere(
  safe: Safe,
  object: Parameters<Safe['requireThere']>[0],
  trail: Trail,
): Promise<boolean> {
  try {
    await safe.requireThere(object, trail)
    return true
  } catch (error) {
    if (error instanceof RootKeyError && error.reach === 'wrapped-form') return false
    throw error
  }
}

/**
 * Higher than all that the object ever had at the service, those included that were made and not used: the highest one
 * counts when a database is brought back from there, and if that was deleted, the key stays revoked. An object's
 * version is never lower than its generation, so that this holds too for one that was in the database in between.
 */
export async function nextGeneration(
  run: Pick<WorkRun, 'store'>,
  { instanceId, uniqueIdentifier: identifier, sealed, version }: ManagedObject,
): Promise<number> {
  const records = await run.store.standardKeys({ instanceId, kind: 'object', identifier, limit: 100 })
  const known = records.map(({ generation }) => generation)
  return Math.max(version, generationOf(sealed), ...known) + 1
}

/** 0 of those that a data key seals. */
function generationOf(sealed: Uint8Array | null): number {
  return sealed !== null && isPlace(sealed) ? unpackPlace(sealed).generation : 0
}
