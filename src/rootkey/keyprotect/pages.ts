// The keys of a service instance, page after page. Sorted by id, as the service does it unless told otherwise, or newest
// first: what is made meanwhile moves others to a later place, never to an earlier one, so that one may come twice but
// none is left out.

import type { Trail } from '../../keys/root-key.ts'
import { limits } from '../../limits.ts'
import type { CallName } from './calls.ts'
import { field, notUnderstood } from './error.ts'
import { readResources } from './key-metadata.ts'
import type { Session } from './session.ts'

export interface PagesAsked {
  readonly keyRing: string | undefined
  readonly query: Readonly<Record<string, string>>
  readonly trail?: Trail | undefined
}

/** The keys as the service writes them, each once. Throws RootKeyError. */
export async function* keyPages(
  session: Session,
  call: Extract<CallName, 'list' | 'search'>,
  { query, ...asked }: PagesAsked,
): AsyncGenerator<readonly unknown[]> {
  const seen = new Set<unknown>()
  const limit = limits.keyProtectPageKeys
  for (let offset = 0; ; offset += limit) {
    const page = { ...query, limit: `${limit}`, offset: `${offset}` }
    const { json } = await session.call(call, { ...asked, query: page })
    const resources = readResources(json)
    if (!resources) throw notUnderstood(session.target, call)
    const fresh = resources.filter((resource) => {
      const id = field(resource, 'id')
      return !seen.has(id) && seen.add(id)
    })
    yield fresh
    // A service that does not know offsets would give the same page for ever.
    if (resources.length < limit || fresh.length === 0) return
  }
}
