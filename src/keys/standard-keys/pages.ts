// The records of standard keys in the database, as many as there are.

import type { StandardKeyQuery, StandardKeyRecord } from '../../ports/secrets.ts'
import type { Store } from '../../ports/store.ts'

/** All that fit, `limit` at a time, in the order of their ids. Who made or removed one meanwhile spoils nothing. */
export async function* standardKeyPages(
  store: Pick<Store, 'standardKeys'>,
  query: Omit<StandardKeyQuery, 'afterId'>,
): AsyncGenerator<readonly StandardKeyRecord[]> {
  let afterId: string | undefined
  for (;;) {
    const page = await store.standardKeys({ ...query, ...(afterId !== undefined && { afterId }) })
    yield page
    afterId = page.at(-1)?.id
    if (page.length < query.limit) return
  }
}
