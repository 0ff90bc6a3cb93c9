// An approved act is not done if what it is about has changed since it was asked for.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import type { Answer } from '../../support/clients/https.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { TwoPersons, type Human, type Shown } from '../../support/server/two-persons.ts'

const changed = async (
  answer: Promise<Answer>,
  all: TwoPersons,
  who: Human,
  approval: Shown,
  why: RegExp,
) => {
  const { status, text } = await answer
  assert.ok([400, 404, 409, 422].includes(status), text)
  assert.match(text, why)
  const { state, reason } = await all.show(who, approval)
  assert.equal(state, 'failed')
  assert.match(reason ?? '', why)
  assert.equal((await all.entries(approval)).at(-1), 'approval.fail')
}
const opened = async (t: TestContext) => {
  const all = await TwoPersons.open(t)
  return { all, alice: await all.human('alice'), bob: await all.human('bob') }
}

test('a key in another state, or destroyed', async (t) => {
  const { all, alice, bob } = await opened(t)
  const [first, second] = [await all.key(), await all.key()]
  const revoked = await all.waits(alice, 'DELETE', `/instances/red/keys/${first}`)
  await all.ask(alice, 'POST', `/instances/red/keys/${first}/revoke`, { reason: 'KeyCompromise' })
  await changed(
    all.approve(bob, revoked.approval),
    all,
    bob,
    revoked.approval,
    /State: it was PreActive, and is Compromised/,
  )
  const one = await all.waits(alice, 'DELETE', `/instances/red/keys/${second}`)
  const other = await all.waits(bob, 'DELETE', `/instances/red/keys/${second}`)
  assert.equal((await all.approve(bob, one.approval)).status, 200)
  await changed(all.approve(alice, other.approval), all, alice, other.approval, /not destroyed/)
})

test('an instance with a key that was made since, a new name, or gone', async (t) => {
  const { all, alice, bob } = await opened(t)
  const shred = async () => (await all.waits(alice, 'DELETE', '/instances/red?shred=red')).approval
  const before = await shred()
  await all.key()
  await changed(all.approve(bob, before), all, bob, before, /Newest object/)
  const named = await shred()
  await all.ask(alice, 'PATCH', '/instances/red', { name: 'crimson' })
  await changed(all.approve(bob, named), all, bob, named, /name/)
  await all.ask(alice, 'PATCH', `/instances/${all.door.red.id}`, { name: 'red' })
  const [one, other] = [await shred(), (await all.waits(bob, 'DELETE', '/instances/red?shred=red')).approval]
  assert.equal((await all.approve(bob, one)).status, 200)
  const { trust } = all.door.context
  const own = { custody: 'database', rootKeyUri: 'file:root.key' } as const
  await trust.instances.create(serverActor, { name: 'red', ...own })
  await changed(all.approve(alice, other), all, alice, other, /does not exist any more/)
})

test('an instance in which a key is made between the look at the facts and the commit', async (t) => {
  let around: StoreAround | undefined
  const all = await TwoPersons.open(t, { around: (store) => (around = new StoreAround(store)) })
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  assert.ok(around)
  const store = around
  for (const query of ['', '?shred=red']) {
    const { approval } = await all.waits(alice, 'DELETE', `/instances/red${query}`)
    let key = ''
    store.before = async ({ entries }) => {
      if (!entries.some(({ action }) => action === 'approval.carry-out')) return
      store.before = () => undefined
      key = await all.key()
    }
    const why =
      query === '' ? /not destroyed/ : /objects were made or destroyed at the moment of the approval/
    await changed(all.approve(bob, approval), all, bob, approval, why)
    assert.equal(await all.keyState(key), 'PreActive')
  }
})

test('a key whose instance gets another delay between the look at the facts and the commit', async (t) => {
  let around: StoreAround | undefined
  const all = await TwoPersons.open(t, { around: (store) => (around = new StoreAround(store)) })
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  assert.ok(around)
  const store = around
  const delay = (destroyDelaySeconds: number) =>
    all.ask(alice, 'PATCH', '/instances/red', { destroyDelaySeconds })
  await delay(30 * 24 * 3600)
  const key = await all.key()
  const { approval } = await all.waits(alice, 'DELETE', `/instances/red/keys/${key}`)
  store.before = async ({ entries }) => {
    if (!entries.some(({ action }) => action === 'approval.carry-out')) return
    store.before = () => undefined
    assert.equal((await delay(0)).status, 200)
  }
  await changed(all.approve(bob, approval), all, bob, approval, /was changed at the moment of the approval/)
  assert.equal(await all.keyState(key), 'PreActive')
})

test('a token that asked and was revoked', async (t) => {
  const { all, alice, bob } = await opened(t)
  const key = await all.key()
  const { approval } = await all.waits(alice, 'DELETE', `/instances/red/keys/${key}`)
  await all.ask(bob, 'DELETE', `/tokens/${alice.token.id}`)
  const answer = await all.approve(bob, approval)
  // The server may have ended the request by then (409), or not yet (403).
  assert.ok([403, 409].includes(answer.status), answer.text)
  assert.match(answer.text, /was revoked/)
  assert.equal(await all.keyState(key), 'PreActive')
})

test('a token for an instance whose name another one has by now', async (t) => {
  const { all, alice, bob } = await opened(t)
  const { trust } = all.door.context
  const { red } = all.door
  const body = { role: 'manager', instance: 'red', owner: 'carol' }
  const { approval } = await all.waits(alice, 'POST', '/tokens', body)
  assert.equal(approval.instance?.id, red.id)
  await trust.instances.remove(serverActor, red.id)
  await trust.instances.create(serverActor, { name: 'red', custody: 'database', rootKeyUri: red.rootKeyUri })
  await changed(all.approve(bob, approval), all, bob, approval, /instance does not exist any more/)
})
