// Reads the keys of a service instance page after page, and leaves out no key that is there all the while. The order of the keys is
// fixed: by id, which is the service's default, or newest first and then by id. A key that is made meanwhile moves others to a later
// place, so that they come twice. A key that is purged or deleted moves others to an earlier place. So each page begins with the last
// key of the page before. Where another key stands there, keyPages goes back by a page until it knows the first key.
// A page may be shorter than the limit. It is the last one only if `Key-Total` is the number of keys up to its end, or if the page
// after it is empty. Mortise ignores a `Key-Total` that is smaller than the number of keys that the service lists.

import { RootKeyError, type CorrelationIds } from '../../../core/ports/root-key.ts'
import { resourceId, readResources } from './answers.ts'
import type { CallName } from './calls.ts'
import { notUnderstood } from './error.ts'
import type { KeyProtectSession } from './session.ts'

/** The number of keys that Mortise requests for a page. */
export const keyProtectPageKeys = 1_000
/** How often keyPages goes back by a page, because keys before it were purged, until it gives up. */
const keyProtectPagesBackMax = 100

export interface PageQuery {
  readonly keyRing: string | undefined
  readonly query: Readonly<Record<string, string>>
  readonly correlationIds?: CorrelationIds | undefined
}

/** The keys as the service writes them, each once. Throws RootKeyError. */
export async function* keyPages(
  session: KeyProtectSession,
  call: Extract<CallName, 'list' | 'search'>,
  { query, ...rest }: PageQuery,
): AsyncGenerator<readonly unknown[]> {
  const seen = new Set<string | undefined>()
  const limit = keyProtectPageKeys
  let veryFirst: string | undefined
  let wentBack = 0
  // The number of keys at the beginning of this page that the page before had too.
  let overlap = 0
  for (let offset = 0; ;) {
    const page = { ...query, limit: `${limit}`, offset: `${offset}` }
    const { json, keyTotal = Infinity } = await session.call(call, { ...rest, query: page })
    const resources = readResources(json)
    if (!resources) throw notUnderstood(session.target, call)
    const first = resourceId(resources[0])
    if (offset === 0) veryFirst ??= first
    // A service that does not know offsets gives the same page for ever.
    else if (first !== undefined && first === veryFirst) return
    if (overlap > 0 && !seen.has(first)) {
      if (++wentBack > keyProtectPagesBackMax) throw changesTooFast(session)
      offset = Math.max(0, offset - (limit - 1))
      continue
    }
    yield resources.filter((resource) => {
      const id = resourceId(resource)
      return !seen.has(id) && seen.add(id)
    })
    const { length } = resources
    const saysAll = length < limit && offset + length === keyTotal
    if (length === 0 || saysAll) return
    // A page of one key: it is the last key of the page before, or the page is short. The next page begins after this key.
    overlap = length > 1 ? 1 : 0
    offset += length - overlap
  }
}

function changesTooFast({ target }: KeyProtectSession): RootKeyError {
  return new RootKeyError(
    'unreachable',
    `the list of keys at ${target.host} changes faster than it can be read: try again when less is deleted there`,
  )
}
