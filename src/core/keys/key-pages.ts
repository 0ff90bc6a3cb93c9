// Reads all keys of an instance, page by page.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Keys, ListedKey } from './keys.ts'
import { listStepObjects } from '../../base/bounds.ts'

/** Newest first. Between two pages other requests get their turn: an instance may hold millions of keys. */
export async function* keyPages(
  keys: Pick<Keys, 'list'>,
  where: { readonly instanceId: string; readonly includeDestroyed: boolean },
  limit: number = listStepObjects,
): AsyncGenerator<readonly ListedKey[]> {
  let beforeSequence: number | undefined
  for (;;) {
    const page = await keys.list({ ...where, limit, ...(beforeSequence !== undefined && { beforeSequence }) })
    yield page
    beforeSequence = page.at(-1)?.sequence
    if (page.length < limit) return
    await nextTurn()
  }
}
