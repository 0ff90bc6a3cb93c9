// Records of standard keys are read page by page, each once.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allStandardKeys, standardKeyPages } from '../../../../src/core/custody/keyprotect/pages.ts'
import type { StandardKeyQuery, StandardKeyRecord } from '../../../../src/core/ports/secrets.ts'

/** A table of so many records, and the queries that it was asked. */
function table(count: number) {
  const queries: StandardKeyQuery[] = []
  const rows = Array.from(
    { length: count },
    (_, n) => ({ id: String(n).padStart(5, '0') }) as StandardKeyRecord,
  )
  const standardKeys = async (query: StandardKeyQuery) => {
    queries.push(query)
    return rows.filter(({ id }) => id > (query.afterId ?? '')).slice(0, query.limit)
  }
  return { store: { standardKeys }, rows, queries }
}

test('all records come, whatever their number, and the last page ends it', async () => {
  for (const [count, pages] of [
    [0, 1],
    [499, 1],
    [500, 2],
    [1_001, 3],
  ] as const) {
    const { store, rows, queries } = table(count)
    assert.deepEqual(await allStandardKeys(store, { instanceId: 'i' }), rows)
    assert.equal(queries.length, pages)
    assert.deepEqual(queries[0], { instanceId: 'i', limit: 500 })
    assert.ok(queries.every(({ instanceId }) => instanceId === 'i'))
  }
})

test('whoever stops reading asks for no further page', async () => {
  const { store, queries } = table(1_001)
  for await (const page of standardKeyPages(store, {})) {
    assert.equal(page.length, 500)
    break
  }
  assert.equal(queries.length, 1)
})
