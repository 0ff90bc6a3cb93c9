// The hashes by which audit entries are found. Those of an object whose identifier begins with its time have changed once.

import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import path from 'node:path'
import { test } from 'node:test'
import { auditHash, objectHashes } from '../../../src/outside/store/hashes.ts'
import { edit } from '../../support/server/core.ts'
import { openSqlite, storeFolder } from '../../support/store/store-place.ts'
import { auditEntry, change } from '../../support/store/store-values.ts'

const timed = '01a21aea-2f85-770f-88f3-e5308f3fbeb9'

test('the hash of an identifier that begins with its time is that beginning, and any other is hashed whole', () => {
  assert.equal(auditHash('object', timed), 0x01a21aea2f85770fn)
  assert.deepEqual(objectHashes(timed), [0x01a21aea2f85770fn, wholeHash(timed)])
  for (const other of [
    '01a21aea-2f85-470f-88f3-e5308f3fbeb9',
    timed.toUpperCase(),
    `${timed}0`,
    `x${timed}`,
    '17',
    '',
  ])
    assert.deepEqual(objectHashes(other), [wholeHash(other)], other)
  assert.equal(auditHash('object', 'ffffffff-ffff-7fff-8fff-ffffffffffff'), -0x8001n, 'of 64 bits, signed')
})

test('entries are found by either hash, in order', async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  const store = await openSqlite(t, file)
  for (let n = 1; n <= 700; n++)
    void store.commit(change([], { entries: [auditEntry({ object: timed, requestId: String(n) })] }))
  await store.commit(change([], { entries: [auditEntry({ object: 'another' })] }))
  // As an earlier version wrote them.
  const older = edit(file, 'UPDATE audit SET object = ? WHERE number % 3 = 0', wholeHash(timed))
  assert.ok(older > 200)
  for (const order of ['oldest', 'newest'] as const) {
    const { entries } = await store.audit({ object: timed, order, limit: 1_000 })
    const ids = entries.map(({ body }) => Number((JSON.parse(body) as { requestId: string }).requestId))
    const all = Array.from({ length: 700 }, (_, at) => at + 1)
    assert.deepEqual(ids, order === 'oldest' ? all : all.toReversed())
  }
})

function wholeHash(identifier: string): bigint {
  return hash('sha256', `object:${identifier}`, 'buffer').readBigInt64BE(0)
}
