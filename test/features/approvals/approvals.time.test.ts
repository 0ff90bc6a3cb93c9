// How long a request waits for a second person, whatever the clock does.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { TwoPersons } from '../../support/server/two-persons.ts'

const dayMs = 24 * 3600_000

const opened = async (t: TestContext) => {
  const all = await TwoPersons.open(t)
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  const { approval } = await all.waits(alice, 'DELETE', `/instances/red/keys/${await all.key()}`)
  return { all, alice, bob, approval }
}

test('ends a request after 24 hours, before and after anybody writes it down', async (t) => {
  const { all, bob, approval } = await opened(t)
  all.clock.pass(dayMs - 1)
  assert.equal((await all.show(bob, approval)).state, 'waiting')
  all.clock.pass(1)
  assert.equal((await all.show(bob, approval)).state, 'ended')
  assert.match((await all.approve(bob, approval)).text, /its time is over/)
  await all.door.approvedActs.look()
  assert.deepEqual(
    (await all.entries(approval)).filter((one) => one !== 'approval.ask'),
    ['approval.end'],
  )
  all.clock.jump(-2 * dayMs)
  assert.equal((await all.show(bob, approval)).state, 'ended', 'no clock brings it back')
})

test('that goes back gives a request no more of it', async (t) => {
  const { all, bob, approval } = await opened(t)
  all.clock.pass(20 * 3600_000)
  all.clock.jump(-19 * 3600_000)
  all.clock.pass(4 * 3600_000)
  assert.equal((await all.show(bob, approval)).state, 'ended', '24 hours have passed')
})

test('before the time when it was asked approves nothing', async (t) => {
  const { all, bob, approval } = await opened(t)
  all.clock.jump(-3600_000)
  const answer = await all.approve(bob, approval)
  assert.equal(answer.status, 409)
  assert.match(answer.text, /clock of this server is before/)
  all.clock.jump(3600_000)
  assert.equal((await all.approve(bob, approval)).status, 200)
})

test('removes what is long over', async (t) => {
  const { all, alice, bob, approval } = await opened(t)
  assert.equal((await all.approve(bob, approval)).status, 200)
  all.clock.pass(31 * dayMs)
  await all.waits(alice, 'POST', '/backups', {})
  assert.equal((await all.ask(bob, 'GET', `/approvals/${approval.id}`)).status, 404)
  const names = (await all.door.store.secrets()).map(({ name }) => name)
  assert.ok(!names.includes(`approval-result-${approval.id}`))
})

test("shows and keeps that a manager's token lives no longer than the one that asks for it", async (t) => {
  const all = await TwoPersons.open(t)
  const expiresMs = all.clock.now() + 2 * dayMs
  const [alice, bob] = [await all.human('alice', { expiresMs }), await all.human('bob')]
  const wanted = { role: 'manager', name: 'new', owner: 'erin' }
  const tooLong = await all.ask(alice, 'POST', '/tokens', { ...wanted, expiresDays: 3 })
  assert.equal(tooLong.status, 422, 'nobody is asked for what would be refused')
  assert.match(tooLong.text, /the token that asks expires at .*, and makes none that outlives it/)

  const { approval, token } = await all.waits(alice, 'POST', '/tokens', wanted)
  const expires = approval.facts.find(({ name }) => name === 'Expires')
  assert.equal(expires?.value, new Date(expiresMs).toISOString())
  all.clock.pass(dayMs / 2)
  assert.equal((await all.approve(bob, approval)).status, 200)
  assert.equal((await all.ask(token ?? '', 'GET', '/tokens')).status, 200)
  all.clock.pass(2 * dayMs)
  assert.equal((await all.ask(token ?? '', 'GET', '/tokens')).status, 401)
})
