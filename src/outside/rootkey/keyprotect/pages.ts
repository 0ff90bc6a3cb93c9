// The keys of a service instance, page after page, so that none is left out that is there all the while. Their order is
// fixed: by id, as the service sorts unless told otherwise, or newest first and then by id. What is made meanwhile moves
// others to a later place, and they come twice; what is purged or deleted moves them to an earlier one. So each page
// begins with the last key of the one before: where another one stands there, it is gone back until one is known.
// A page may be shorter than asked for, and is the last one only if the service states as many keys (`Key-Total`) or the
// page after it has none. A service that states fewer than it lists is not believed.

import { RootKeyError, type CorrelationIds } from '../../../core/ports/root-key.ts'
import { idOf, readResources } from './answers.ts'
import type { CallName } from './calls.ts'
import { notUnderstood } from './error.ts'
import type { KeyProtectSession } from './session.ts'

/** Keys of a page. */
export const keyProtectPageKeys = 1_000
/** Pages that are read again because keys before them were purged. */
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
  // Keys at the begin of a page that the one before had too.
  let overlap = 0
  for (let offset = 0; ;) {
    const page = { ...query, limit: `${limit}`, offset: `${offset}` }
    const { json, keyTotal = Infinity } = await session.call(call, { ...rest, query: page })
    const resources = readResources(json)
    if (!resources) throw notUnderstood(session.target, call)
    const first = idOf(resources[0])
    if (offset === 0) veryFirst ??= first
    // A service that does not know offsets gives the same page for ever.
    else if (first !== undefined && first === veryFirst) return
    if (overlap > 0 && !seen.has(first)) {
      if (++wentBack > keyProtectPagesBackMax) throw restless(session)
      offset = Math.max(0, offset - (limit - 1))
      continue
    }
    yield resources.filter((resource) => {
      const id = idOf(resource)
      return !seen.has(id) && seen.add(id)
    })
    const { length } = resources
    const saysAll = length < limit && offset + length === keyTotal
    if (length === 0 || saysAll) return
    // A page with nothing but the last key of the one before may be a short one, too.
    overlap = length > 1 ? 1 : 0
    offset += length - overlap
  }
}

function restless({ target }: KeyProtectSession): RootKeyError {
  return new RootKeyError(
    'unreachable',
    `the list of keys at ${target.host} changes faster than it can be read: try again when less is deleted there`,
  )
}
