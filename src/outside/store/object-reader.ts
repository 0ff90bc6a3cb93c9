// Reads one page of objects. If the query names index entries, it uses the index.

import type { ObjectQuery, StoredObject } from '../../core/ports/objects.ts'
import { indexHash } from './hashes.ts'
import { numberIn } from './row.ts'
import { storedObject } from './rows.ts'
import { all, get, type Steps } from './steps.ts'

/** To find the most selective of a query's index entries, the store counts the objects of each entry, up to this number. */
const indexCountMax = 200

/**
 * At most `count` objects with a sequence below `before`, newest first. If `index` is set, its rarest entry selects the objects;
 * the caller checks the other entries.
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
      objects += numberIn((yield* get('countByHash', hash, indexCountMax)) ?? {}, 'count')
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
