// A download that breaks off has no end: neither the rest nor an error is taken for a part of it.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { serverActor } from '../../src/audit/actor.ts'
import type { AuditQuery } from '../../src/ports/audit.ts'
import { startDoor } from '../support/admin-door.ts'
import { StoreAround } from '../support/store-around.ts'

class PagedStore extends StoreAround {
  /** Called before each page of the audit log but the first one. */
  nextPage: () => Promise<void> = async () => {}

  override async audit(query: AuditQuery) {
    if (query.after !== undefined) await this.nextPage()
    return super.audit(query)
  }
}

async function opened(t: TestContext) {
  let around: PagedStore | undefined
  const door = await startDoor({ around: (store) => (around = new PagedStore(store)) })
  t.after(() => door.close())
  const about = { action: 'audit.export', result: 'success', actor: serverActor, reason: null } as const
  const entry = { atMs: 0, ...about, instanceId: null, object: null, requestId: null, detail: null } as const
  const entries = Array.from({ length: 2000 }, () => entry)
  await door.store.commit({ writes: [], entries, durability: 'process' })
  // The last manager's token cannot be revoked.
  await door.token('manager')
  const token = await door.token('manager')
  const download = () => door.ask('GET', '/api/v1/audit/export', { token })
  assert.ok((await download()).text.split('\n').length > 2000)
  assert.ok(around)
  return { door, token, store: around, download }
}

test('one whose token is revoked meanwhile', async (t) => {
  const { door, token, store, download } = await opened(t)
  const { access, trust } = door.context
  store.nextPage = async () => {
    const { id } = (await access.token(token)) ?? {}
    if (id !== undefined) await trust.tokens.revoke(serverActor, id, null)
  }
  await assert.rejects(download(), /aborted/)
  assert.deepEqual(door.bugs, [])
})

test('one that a failure of the server breaks off, which goes to the log', async (t) => {
  const { door, store, download } = await opened(t)
  const failure = new Error('nobody reads this')
  store.nextPage = () => Promise.reject(failure)
  await assert.rejects(download(), /aborted/)
  assert.deepEqual(door.bugs, [failure])
})
