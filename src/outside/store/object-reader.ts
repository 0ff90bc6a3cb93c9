// Finds objects in steps, by the index if a query has one.

import type { ObjectQuery, StoredObject } from '../../core/ports/objects.ts'
import { indexHash } from './hashes.ts'
import { number } from './row.ts'
import { storedObject } from './rows.ts'
import { all, get, type Steps } from './steps.ts'

/** The store counts the objects with one value up to this number, to find the most selective value. */
const indexCountMax = 200

/**
 * A page of at most `count` objects. If `index` is set, its rarest entry selects the objects; the other entries are not checked
 * here.
 */
export function* objectsBefore(query: ObjectQuery, before: number, count: number): Steps<StoredObject[]> {
  const { instanceId, index = [], includeDestroyed = false } = query
  let fewest: { readonly live: bigint; readonly destroyed: bigint } | undefined
  let fewestCount = Infinity
  for (const { key, value } of index) {
    const live = indexHash(instanceId, key, value, false)
    const destroyed = indexHash(instanceId, key, value, true)
    let objects = 0
    for (const hash of includeDestroyed ? [live, destroyed] : [live])
      objects += number((yield* get('countByHash', hash, indexCountMax)) ?? {}, 'count')
    if (objects >= fewestCount) continue
    fewest = { live, destroyed }
    fewestCount = objects
  }
  if (!fewest)
    return (yield* all(includeDestroyed ? 'objectsWithDestroyed' : 'objects', instanceId, before, count)).map(
      (row) => storedObject(row),
    )
  const live = (yield* all('objectsByHash', fewest.live, before, count)).map((row) => storedObject(row))
  if (!includeDestroyed) return live
  const destroyed = (yield* all('objectsByHash', fewest.destroyed, before, count)).map((row) =>
    storedObject(row),
  )
  return [...live, ...destroyed].toSorted((a, b) => b.sequence - a.sequence).slice(0, count)
}
