// Brings objects that are stored as standard keys under the newest version of their root key: stores the next generation of each,
// reads it back, opens it, and points the object to it; then deletes the one before.

import type { Custodies } from '../custody/custodies.ts'
import { StoreConflict } from '../ports/store.ts'
import { RootKeyError, type RootKey } from '../ports/root-key.ts'
import type { ItemResult, WorkRun } from './run.ts'

/** A newer wrapped form that the service returned by itself. */
export interface HandedBack {
  readonly was: Uint8Array
  readonly rewrapped: Uint8Array
}

/**
 * Rewraps the objects that are not under the newest version, in passes until one finds none. `left`: the count of those that the
 * service does not open any more. Throws RootKeyError, WorkOver and every error of a commit.
 */
export async function rewrapObjects(
  run: WorkRun,
  custodies: Custodies,
  rootKey: RootKey,
): Promise<{ readonly done: number; readonly left: number }> {
  /** The objects renewed here: even if the service calls its newest version by two names, the passes must end. */
  const renewed = new Set<string>()
  for (let done = 0; ;) {
    const newest = (await rootKey.versions?.newest()) ?? ''
    const { instance } = await run.now()
    const pass = await run.each(custodies.outdated(instance, rootKey.uri, newest), async (identifier) => {
      if (renewed.has(identifier)) return 'nothing'
      const result = await rewrapObject(run, custodies, identifier, newest)
      if (result === 'done') renewed.add(identifier)
      return result
    })
    done += pass.done
    if (pass.done === 0) return { done, left: pass.left }
  }
}

/** 'left': the owner deleted it at the service, or it does not open. Throws RootKeyError, WorkOver and every error of a commit. */
export async function rewrapObject(
  run: WorkRun,
  custodies: Custodies,
  identifier: string,
  newest: string,
): Promise<ItemResult> {
  const { instance } = await run.now()
  const detail = { ...(run.work && { work: run.work.id }), keyVersion: newest }
  const commit = (change: Parameters<WorkRun['commit']>[0]) => run.commit(change)
  try {
    const options = { keyVersion: newest, commit, detail }
    const renewed = await custodies.renew(instance, identifier, options)
    return renewed === 'gone' ? 'left' : renewed
  } catch (error) {
    if (error instanceof RootKeyError && error.reach === 'wrapped-form') return 'left'
    if (error instanceof StoreConflict) return 'nothing'
    throw error
  }
}
