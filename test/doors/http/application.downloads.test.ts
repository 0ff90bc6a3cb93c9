// A download that breaks off has no end: neither the rest nor an error is taken for a part of it.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { sessionIdleMs } from '../../../src/base/bounds.ts'
import type { AuditQuery } from '../../../src/core/ports/audit.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { TwoPersons } from '../../support/server/two-persons.ts'

class PagedStore extends StoreAround {
  /** Called before each page of the audit log but the first one. */
  nextPage: () => Promise<void> = async () => {}

  override async audit(query: AuditQuery) {
    if (query.after !== undefined) await this.nextPage()
    return super.audit(query)
  }
}

type Bearer = (all: TwoPersons) => Promise<string>

/** The last manager's token cannot be revoked, so there is another one. */
const ofToken: Bearer = async ({ door }) => {
  await door.token('manager')
  return door.token('manager')
}

async function opened(t: TestContext, bearer: Bearer = ofToken) {
  let around: PagedStore | undefined
  const all = await TwoPersons.open(t, {
    guards: [],
    around: (store) => (around = new PagedStore(store)),
  })
  const { door, clock } = all
  const about = { action: 'audit.export', result: 'success', actor: serverActor, reason: null } as const
  const entry = { atMs: 0, ...about, instanceId: null, object: null, requestId: null, detail: null } as const
  const entries = Array.from({ length: 2000 }, () => entry)
  await door.store.commit({ writes: [], entries, durability: 'process' })
  const token = await bearer(all)
  const download = () => door.ask('GET', '/api/v1/audit/export', { token })
  const isWhole = async () => (await download()).text.split('\n').length > 2000
  assert.ok(await isWhole())
  assert.ok(around)
  return { door, clock, token, store: around, download, isWhole }
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

const sessions: Readonly<Record<string, Bearer>> = {
  'a person': async (all) => (await all.login('anna')).bearer,
  'a token': async ({ door }) => {
    const token = await door.token('manager')
    const { json } = await door.ask('POST', '/api/v1/session', { token })
    return (json as { session: string }).session
  },
}

for (const [whose, bearer] of Object.entries(sessions)) {
  test(`one whose session of ${whose} is ended meanwhile`, async (t) => {
    const { door, token, store, download } = await opened(t, bearer)
    store.nextPage = async () => {
      store.nextPage = async () => {}
      assert.equal((await door.ask('DELETE', '/api/v1/session', { token })).status, 200)
    }
    await assert.rejects(download(), /aborted/)
  })

  test(`none ends because a session of ${whose} asks for nothing else meanwhile`, async (t) => {
    const { clock, store, isWhole } = await opened(t, bearer)
    store.nextPage = async () => clock.pass(sessionIdleMs / 2)
    assert.ok(await isWhole())
  })
}
