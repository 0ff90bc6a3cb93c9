// Reads the records of standard keys from the database page by page.

import type { StandardKeyQuery, StandardKeyRecord } from '../../ports/secrets.ts'
import type { Store } from '../../ports/store.ts'

type Query = Omit<StandardKeyQuery, 'afterId' | 'limit'>

const pageRecords = 500

/** All matching records, ordered by id. Other commits may add and remove records meanwhile. */
export async function* standardKeyPages(
  store: Pick<Store, 'standardKeys'>,
  query: Query,
): AsyncGenerator<readonly StandardKeyRecord[]> {
  let afterId: string | undefined
  for (;;) {
    const after = afterId === undefined ? {} : { afterId }
    const page = await store.standardKeys({ ...query, ...after, limit: pageRecords })
    yield page
    afterId = page.at(-1)?.id
    if (page.length < pageRecords) return
  }
}

export async function allStandardKeys(
  store: Pick<Store, 'standardKeys'>,
  query: Query,
): Promise<readonly StandardKeyRecord[]> {
  const records: StandardKeyRecord[] = []
  for await (const page of standardKeyPages(store, query)) records.push(...page)
  return records
}
