// Sessions that somebody ended, as the nodes of a store know them.

import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { endedSessionsMax, endedSessionsPerPartyMax } from '../../../src/core/sealing/ended-sessions.ts'
import { EndedSessions } from '../../../src/core/sealing/ended-sessions.ts'
import { Secrets } from '../../../src/core/sealing/secrets.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { openSqlite, storeFolder } from '../../support/store/store-place.ts'
import { auditEntry } from '../../support/store/store-values.ts'

const entry = auditEntry({ action: 'session.end' })

test('sessions that are ended on two nodes at once are ended on both, each with its entry', async (t) => {
  const store = await openSqlite(t, path.join(await storeFolder(t), 'mortise.db'))
  const rootKey = new FaultyRootKey()
  const node = async () => new EndedSessions(await Secrets.open(store, rootKey))
  const nodes = [await node(), await node(), await node()]
  const ids = Array.from({ length: 12 }, (_, number) => `session-${number}`)
  const asked = ids.map(async (id, number) => nodes[number % nodes.length]?.add({ id, untilMs: 2 }, 1, entry))
  assert.ok((await Promise.all(asked)).every((isDone) => isDone === true))
  for (const ended of nodes) {
    assert.deepEqual(await Promise.all(ids.map((id) => ended.has(id))), Array<boolean>(ids.length).fill(true))
    assert.ok(!(await ended.has('another')))
  }
  const { entries } = await store.audit({ action: 'session.end', order: 'newest', limit: 100 })
  assert.equal(entries.length, ids.length)
})

test('one goes once it counts no more by itself, and none goes before', async (t) => {
  const store = await openSqlite(t, path.join(await storeFolder(t), 'mortise.db'))
  const secrets = await Secrets.open(store, new FaultyRootKey())
  const many = Array.from({ length: endedSessionsMax }, (_, number) => ({
    id: `s-${number}`,
    untilMs: 10,
  }))
  await secrets.put('ended-sessions', Buffer.from(JSON.stringify(many)))
  const ended = new EndedSessions(secrets)
  assert.equal(await ended.add({ id: 'late', untilMs: 20 }, 9, entry), false)
  assert.deepEqual([await ended.has('s-0'), await ended.has('late')], [true, false])
  assert.equal(await ended.add({ id: 'late', untilMs: 20 }, 10, entry), true)
  assert.deepEqual([await ended.has('s-0'), await ended.has('late')], [false, true])
})

test('the tokens of one instance leave places to others', async (t) => {
  const store = await openSqlite(t, path.join(await storeFolder(t), 'mortise.db'))
  const secrets = await Secrets.open(store, new FaultyRootKey())
  const many = Array.from({ length: endedSessionsPerPartyMax }, (_, number) => ({
    id: `s-${number}`,
    untilMs: 10,
    of: 'a',
  }))
  await secrets.put('ended-sessions', Buffer.from(JSON.stringify([...many, { id: 'older', untilMs: 10 }])))
  const ended = new EndedSessions(secrets)
  const add = (id: string, of: string, nowMs: number) => ended.add({ id, untilMs: 20, of }, nowMs, entry)
  assert.equal(await add('more', 'a', 9), false)
  assert.equal(await add('other', 'b', 9), true)
  assert.equal(await add('later', 'a', 10), true)
})
