// The usage of an instance: the number of its objects and the bytes that they take. Each write of an object updates both, so that
// the transaction that would exceed a limit fails.

import type { Usage } from '../../../core/ports/objects.ts'
import { StoreConflict } from '../../../core/ports/store.ts'
import type { Expectation } from '../../../core/ports/expectation.ts'
import { numberIn } from '../row.ts'
import { get, type Steps } from '../steps.ts'

/** Approximate bytes of an object's rows and index entries, besides its attributes, names and material. */
export const objectRowBytes = 512

export function* usageOf(instanceId: string): Steps<Usage> {
  const row = (yield* get('usage', instanceId, instanceId, instanceId)) ?? {}
  return { objects: numberIn(row, 'objects'), bytes: numberIn(row, 'bytes') }
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
