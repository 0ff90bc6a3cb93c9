// The usage of an instance: the number of its objects and the bytes that they take. Both are kept up to date with each
// object that is written, so that a limit is checked inside the transaction that would pass it.

import type { Usage } from '../../../core/ports/objects.ts'
import { StoreConflict } from '../../../core/ports/store.ts'
import type { Expectation } from '../../../core/ports/expectation.ts'
import { number } from '../row.ts'
import { get, type Steps } from '../steps.ts'

/** Bytes that the rows and the index of an object take beside its attributes, names and material, about. */
export const objectRowBytes = 512

export function* usageOf(instanceId: string): Steps<Usage> {
  const row = (yield* get('usage', instanceId, instanceId, instanceId)) ?? {}
  return { objects: number(row, 'objects'), bytes: number(row, 'bytes') }
}

/** Throws StoreConflict. */
export function checkLimits(
  { objectsMax, bytesMax }: NonNullable<Expectation['limits']>,
  before: Usage,
  after: Usage,
): void {
  if (after.objects > objectsMax && after.objects > before.objects)
    throw new StoreConflict('objects-max', `the instance would hold ${after.objects} objects`)
  if (after.bytes > bytesMax && after.bytes > before.bytes)
    throw new StoreConflict('bytes-max', `the instance would hold ${after.bytes} bytes`)
}
