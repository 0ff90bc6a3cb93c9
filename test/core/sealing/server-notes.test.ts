// What the server notes about itself is read back after a restart and by another node, and by nobody who has only the
// database.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secrets } from '../../../src/core/sealing/secrets.ts'
import { ServerNotes } from '../../../src/core/sealing/server-notes.ts'
import { openSqliteStore } from '../../../src/outside/store/sqlite/open.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { storeFolder } from '../../support/store/store-place.ts'
import { auditEntry, change } from '../../support/store/store-values.ts'

test('a note is replaced together with its audit entry, or by a commit of the caller, and every node reads it', async (t) => {
  const file = `${await storeFolder(t)}/mortise.db`
  const store = await openSqliteStore({ file, clock: new MovableClock(), reserveBytes: 0 })
  t.after(() => store.close())
  const rootKey = new FaultyRootKey()
  const [one, other] = [
    new ServerNotes(await Secrets.open(store, rootKey)),
    new ServerNotes(await Secrets.open(store, rootKey)),
  ]
  assert.equal(await one.read('audit-export'), undefined)
  const entry = auditEntry({ action: 'audit.export' })
  await one.write('audit-export', { atMs: 1, by: 'ann' }, [entry])
  await one.write('token-recovery', { atMs: 2, tokenId: 't' })
  for (const notes of [one, other]) {
    assert.deepEqual(await notes.read('audit-export'), { atMs: 1, by: 'ann' })
    assert.deepEqual(await notes.read('token-recovery'), { atMs: 2, tokenId: 't' })
  }
  const { entries } = await store.audit({ order: 'oldest', limit: 10 })
  assert.deepEqual(
    entries.map(({ body }) => (JSON.parse(body) as { action: string }).action),
    ['audit.export'],
  )
  const record = other.record('audit-export', { atMs: 3, by: 'ben' })
  assert.deepEqual(await one.read('audit-export'), { atMs: 1, by: 'ann' }, 'not committed yet')
  await store.commit(change([{ type: 'secret', record }]))
  assert.deepEqual(await one.read('audit-export'), { atMs: 3, by: 'ben' })
  for (const { sealed } of await store.secrets()) assert.ok(!Buffer.from(sealed).includes('ben'))
})

const add = (notes: ServerNotes, rootKeyId: string) =>
  notes.change(
    'root-key-copies',
    (known = []) => [...known, { rootKeyId, atMs: 1, by: 'ann', verified: true }],
    [auditEntry()],
  )

test('a note that two nodes change at the same moment has both changes', async (t) => {
  const file = `${await storeFolder(t)}/mortise.db`
  const store = await openSqliteStore({ file, clock: new MovableClock(), reserveBytes: 0 })
  t.after(() => store.close())
  const rootKey = new FaultyRootKey()
  const nodes = [
    new ServerNotes(await Secrets.open(store, rootKey)),
    new ServerNotes(await Secrets.open(store, rootKey)),
  ] as const
  await Promise.all([add(nodes[0], 'a'), add(nodes[1], 'b'), add(nodes[0], 'c')])
  const ids = (await nodes[1].read('root-key-copies'))?.map(({ rootKeyId }) => rootKeyId)
  assert.deepEqual(ids?.toSorted(), ['a', 'b', 'c'])
  assert.equal((await store.audit({ order: 'oldest', limit: 10 })).entries.length, 3)
})
