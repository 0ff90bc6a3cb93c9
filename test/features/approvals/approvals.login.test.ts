// People who logged in ask for acts that need a second person, and approve them: who counts as a second one, and what ends a request
// together with a session or a role.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { trustChangeEveryMs } from '../../../src/core/trust/change-pace.ts'
import { personNamesMax } from '../../../src/core/trust/person-sessions.ts'
import { approvalConditions, type ApprovalFacts } from '../../../src/features/approvals/conditions.ts'
import { TwoPersons, type Shown, type Someone } from '../../support/server/two-persons.ts'

const hourMs = 3600_000

const asks = async (all: TwoPersons, who: Someone) =>
  (await all.waits(who, 'DELETE', `/instances/red/keys/${await all.key()}`)).approval
const refused = async (all: TwoPersons, who: Someone, approval: Shown, why: RegExp) => {
  const { status, text } = await all.approve(who, approval)
  assert.equal(status, 403, text)
  assert.match(text, why)
  assert.equal((await all.entries(approval)).at(-1), 'approval.approve refused', 'the audit tells')
  const { state, mayApprove, whyNot } = await all.show(who, approval)
  assert.deepEqual([state, mayApprove], ['waiting', false])
  assert.match(whyNot ?? '', why)
}
const approved = async (all: TwoPersons, who: Someone, approval: Shown) => {
  const { status, text } = await all.approve(who, approval)
  assert.equal(status, 200, text)
}

test('a person asks, the owner of a token approves, and the other way round', async (t) => {
  const all = await TwoPersons.open(t)
  const anna = await all.login('9a03', { name: 'anna' })
  const bob = await all.human('bob')
  const first = await asks(all, anna)
  assert.deepEqual(first.askedBy, {
    person: 'anna',
    token: null,
    subject: 'https://login.example.test#9a03',
  })
  assert.deepEqual([first.approvers, first.approverGroups], [['bob'], ['managers', 'of-red']])
  await approved(all, bob, first)

  const second = await asks(all, bob)
  assert.deepEqual(second.approvers, ['anna'])
  await approved(all, anna, second)
  const { state, decidedBy, request } = await all.show(bob, second)
  assert.deepEqual([state, decidedBy?.person, decidedBy?.token], ['done', 'anna', null])
  assert.equal(await all.keyState(String(request['key'])), 'Destroyed')
  const { entries } = await all.door.context.audit.list({ order: 'newest', limit: 20, object: second.id })
  const approve = entries
    .map(({ body }) => JSON.parse(body) as { action: string; actor: { kind: string; id: string } })
    .find(({ action }) => action === 'approval.approve')
  assert.partialDeepStrictEqual(approve?.actor, { kind: 'person', id: 'https://login.example.test#9a03' })
})

test('one person is one, with two sessions, another name, and every token of theirs', async (t) => {
  const all = await TwoPersons.open(t)
  const names = ['alice', 'alice@example.com', 'Alice Smith']
  const alice = await all.login('9a03', { name: 'alice', names })
  const approval = await asks(all, alice)
  await refused(all, alice, approval, /alice asked for it/)
  await refused(all, await all.login('9a03', { name: 'zoe' }), approval, /alice asked for it/)
  for (const owner of ['Alice', 'alice@example.com', 'alice smith', '9A03'])
    await refused(all, await all.human(owner), approval, /^(?=.*alice)(?=.*(asked for it|both are))/)
  await all.setRoles('managers=manager')
  const twin = await all.login('other', { name: 'smith', names: ['Alice Smith'] })
  await refused(all, twin, approval, /both are alice smith/)
  await approved(all, await all.login('bob'), approval)
})

test('whoever takes another name at the provider keeps the one of before', async (t) => {
  const all = await TwoPersons.open(t)
  const own = await all.human('alice')
  const approval = await asks(all, own)
  await all.login('9a03', { name: 'alice' })
  const renamed = await all.login('9a03', { name: 'zoe', names: ['zoe'] })
  await refused(all, renamed, approval, /alice asked for it, and may be the same person as zoe/)
})

test('nor do many names take the place of the first one', async (t) => {
  const all = await TwoPersons.open(t)
  await all.login('9a03', { name: 'alice', names: ['alice'] })
  for (let n = 0; n < personNamesMax + 2; n++) {
    all.clock.pass(trustChangeEveryMs)
    await all.login('9a03', { name: `name ${n}` })
  }
  const last = await all.login('9a03', { name: 'zoe' })
  const { names = [] } = last.session
  assert.deepEqual([names.length, names[0], names.at(-1)], [personNamesMax, 'alice', 'zoe'])
})

test('a token that a person made, was given or asked for is theirs, and so are those made with it', async (t) => {
  const all = await TwoPersons.open(t, { guards: ['key destroy'] })
  const alice = await all.login('9a03', { name: 'alice' })
  const makes = async (who: Someone, owner: string) => {
    const { status, json, text } = await all.ask(who, 'POST', '/tokens', { role: 'manager', owner })
    assert.equal(status, 201, text)
    return { bearer: (json as { token: string }).token }
  }
  const bob = await makes(alice, 'bob')
  const carol = await makes(bob, 'carol')
  const approval = await asks(all, alice)
  for (const who of [bob, carol]) await refused(all, who, approval, /alice may have both tokens/)
  const other = await asks(all, carol)
  for (const who of [bob, alice]) await refused(all, who, other, /alice may have both tokens|bob may have/)
  await approved(all, await all.login('dave'), approval)
})

test('a token that one person asked for and another approved is not a second person', async (t) => {
  const all = await TwoPersons.open(t)
  const [alice, bob] = [await all.login('alice'), await all.login('bob')]
  const { approval, token } = await all.waits(alice, 'POST', '/tokens', { role: 'manager', owner: 'carol' })
  await approved(all, bob, approval)
  const next = await asks(all, alice)
  await refused(all, { bearer: token ?? '' }, next, /alice may have both tokens/)
})

test('a session that is ended takes its requests along, and approves nothing', async (t) => {
  const all = await TwoPersons.open(t)
  const [alice, bob, eve] = [await all.login('alice'), await all.login('bob'), await all.login('eve')]
  const approval = await asks(all, alice)
  const end = (id: string) => all.ask(bob, 'DELETE', `/sessions/${id}`)
  await all.door.people.end(serverActor, alice.session.id)
  await refused(all, eve, approval, /the session in which alice asked is over/)
  const again = await all.login('alice')
  await refused(all, bob, approval, /the session in which alice asked is over/)
  assert.equal((await all.show(again, approval)).isMine, true)
  await all.door.approvedActs.look()
  const { state, reason } = await all.show(bob, approval)
  assert.deepEqual([state, reason], ['ended', 'the session in which alice asked is over'])
  assert.equal((await all.entries(approval)).at(-1), 'approval.end')
  assert.match((await all.approve(bob, approval)).text, /not wait any more: the session in which alice asked/)
  assert.equal(await all.keyState(String(approval.request['key'])), 'PreActive')

  const next = await asks(all, bob)
  assert.equal((await end(eve.session.id)).status, 200)
  assert.equal((await all.approve(eve, next)).status, 401)
  assert.equal((await all.show(bob, next)).state, 'waiting')
})

test('a request ends with the time of its session, and not because nobody used it meanwhile', async (t) => {
  const all = await TwoPersons.open(t)
  const alice = await all.login('alice')
  const [first, second] = [await asks(all, alice), await asks(all, alice)]
  assert.equal(Date.parse(first.ends) - Date.parse(first.asked), 8 * hourMs)
  all.clock.pass(8 * hourMs - 1)
  await approved(all, await all.login('bob'), first)
  all.clock.pass(1)
  const { status, text } = await all.approve(await all.login('bob'), second)
  assert.deepEqual([status, /its time is over/.test(text)], [409, true])
})

test('whoever loses the role asks and approves no more, whatever the session had', async (t) => {
  const all = await TwoPersons.open(t)
  const alice = await all.login('alice', { groups: ['managers', 'viewers'] })
  const approval = await asks(all, alice)
  await all.setRoles('others=manager,viewers=viewer')
  const erin = await all.login('erin', { groups: ['others'] })
  await refused(all, erin, approval, /alice is no manager of this instance/)
  assert.deepEqual((await all.show(erin, approval)).approvers, [])
  assert.equal((await all.approve(alice, await asks(all, erin))).status, 403, 'a viewer')
  await all.setRoles('others=manager')
  await refused(all, erin, approval, /the session of alice is over, or gives no role any more/)
  await all.setRoles('others=manager,managers=manager')
  await approved(all, erin, approval)
})

test('an approved act that takes longer is not carried out for somebody who lost the role', async (t) => {
  const all = await TwoPersons.open(t)
  await all.setRoles('managers=manager,others=manager')
  const [alice, bob] = [await all.login('alice'), await all.login('bob', { groups: ['others'] })]
  const { approval } = await all.waits(alice, 'POST', '/backups', {})
  const { approvals } = all.door.context.trust
  const { people } = all.door
  const party = {
    sessionId: bob.session.id,
    person: { kind: 'subject', issuer: '', subject: '', name: 'bob' },
    address: null,
  } as const
  const by = { ...serverActor, role: 'manager', onlyInstanceId: null } as const
  await approvals.approve(approval.id, { by, party, loginOf: people.loginOf })
  await all.setRoles('others=manager')
  await all.door.approvedActs.look()
  const { state, reason } = await all.show(bob, approval)
  assert.deepEqual([state, /alice is over, or gives no role/.test(reason ?? '')], ['failed', true])
  assert.deepEqual(await all.door.context.backups.list(), [])
})

test('a manager of one instance decides about it alone', async (t) => {
  const all = await TwoPersons.open(t)
  const alice = await all.login('alice')
  const rita = await all.login('rita', { groups: ['of-red', 'viewers'] })
  const ofRed = await asks(all, alice)
  const ofBlue = (await all.waits(alice, 'DELETE', `/instances/blue/keys/${await all.key(all.door.blue)}`))
    .approval
  const { approval: ofServer } = await all.waits(alice, 'POST', '/backups', {})
  for (const one of [ofBlue, ofServer]) {
    assert.equal((await all.approve(rita, one)).status, 404, 'a viewer sees it, and decides nothing')
    assert.equal((await all.show(rita, one)).mayApprove, false)
  }
  assert.match((await all.show(rita, ofBlue)).whyNot ?? '', /rita is no manager of this instance/)
  await approved(all, rita, ofRed)
  const asked = await all.waits(rita, 'POST', '/tokens', { role: 'manager', owner: 'tom' })
  assert.equal(asked.approval.instance?.name, 'red')
  await approved(all, alice, asked.approval)
  const tokens = (await all.ask(alice, 'GET', '/tokens')).json as { owner: string; instance: unknown }[]
  assert.partialDeepStrictEqual(tokens.find(({ owner }) => owner === 'tom')?.instance, { name: 'red' })
})

test('only whoever asked takes a request back, from any session', async (t) => {
  const all = await TwoPersons.open(t)
  const alice = await all.login('alice')
  const approval = await asks(all, alice)
  const cancel = (who: Someone) => all.ask(who, 'POST', `/approvals/${approval.id}/cancel`)
  assert.equal((await cancel(await all.login('bob'))).status, 403)
  const answer = await cancel(await all.login('alice'))
  assert.equal((answer.json as Shown).state, 'cancelled', answer.text)
})

test('people of a group are enough for two persons to be known', async (t) => {
  const all = await TwoPersons.open(t)
  const areTwo = async () =>
    (await all.door.context.conditions.gather()).of<ApprovalFacts>(approvalConditions).guard.areTwo
  assert.equal(await areTwo(), true)
  await all.setRoles('of-red=manager@red')
  assert.equal(await areTwo(), false)
  await all.human('alice')
  await all.human('bob')
  assert.equal(await areTwo(), true)
})
