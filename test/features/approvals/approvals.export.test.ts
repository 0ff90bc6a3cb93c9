// The export of keys where it needs a second person, and the acts that are equal to it: what waits, and how the asker gets the
// file after the approval, once and as it was asked.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { guardedActs } from '../../../src/core/ports/guarded-acts.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { TwoPersons, type Shown, type Someone } from '../../support/server/two-persons.ts'

const path = '/instances/red/key-exports'
const recipient = await identityToRecipient(await generateX25519Identity())
const other = await identityToRecipient(await generateX25519Identity())
const wanted = (recipients: readonly string[] = [recipient]) => ({ id: randomUUID(), recipients })

const keyprotect = (id: string) =>
  `keyprotect://localhost:1/12e8c9c2-a162-472d-b7d6-8b9a86b815a6/02fd6835-6001-4482-a892-13bd2085f7${id}`

async function portable(all: TwoPersons, isPortable: boolean): Promise<void> {
  await all.door.context.trust.instances.update(serverActor, all.door.red.id, { portable: isPortable })
}

async function opened(t: TestContext) {
  const all = await TwoPersons.open(t, { guards: ['key export'] })
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  const key = await all.key()
  await portable(all, true)
  return { all, alice, bob, key }
}

async function exported(all: TwoPersons): Promise<readonly string[]> {
  const { entries } = await all.door.context.audit.list({ order: 'oldest', limit: 50, action: 'key.export' })
  return entries.map(({ body }) => (JSON.parse(body) as { readonly object: string }).object)
}

const fetching = (all: TwoPersons, who: Someone, body: object) => all.ask(who, 'POST', path, body)

test('one manager alone exports nothing: to allow it waits, and so does the export', async (t) => {
  const { all, alice, bob } = await opened(t)
  await portable(all, false)
  const { approval } = await all.waits(alice, 'PATCH', '/instances/red', { portable: true, cacheSeconds: 60 })
  assert.deepEqual(
    approval.facts.map(({ name, value }) => `${name}: ${value}`),
    ['Instance: red', 'Setting cacheSeconds: 300, then 60', 'Setting portable: false, then true'],
  )
  const refused = await fetching(all, alice, wanted())
  assert.equal(refused.status, 422, refused.text)
  assert.match(refused.text, /may not be exported/)
  assert.equal((await all.approve(bob, approval)).status, 200)
  assert.equal((await all.door.context.access.instance(all.door.red.id))?.portable, true)
  assert.equal((await fetching(all, alice, wanted())).status, 202)
  assert.equal((await all.ask(alice, 'PATCH', '/instances/red', { portable: false })).status, 200)
  assert.equal((await all.ask(alice, 'PATCH', '/instances/red', { cacheSeconds: 61 })).status, 200)
  assert.deepEqual(await exported(all), [])
})

test('to let keys leave under the old padding waits too, and to forbid it does not', async (t) => {
  const { all, alice, bob } = await opened(t)
  const { approval } = await all.waits(alice, 'PATCH', '/instances/red', { legacyWrap: true })
  assert.equal((await all.door.context.access.instance(all.door.red.id))?.legacyWrap, undefined)
  assert.equal((await all.approve(bob, approval)).status, 200)
  assert.equal((await all.door.context.access.instance(all.door.red.id))?.legacyWrap, true)
  assert.equal((await all.ask(alice, 'PATCH', '/instances/red', { legacyWrap: false })).status, 200)
})

test('an approved export is fetched once, by the request that was approved', async (t) => {
  const { all, alice, bob, key } = await opened(t)
  const body = wanted()
  const { approval } = await all.waits(alice, 'POST', path, body)
  assert.deepEqual(approval.facts, [
    { name: 'Instance', value: 'red' },
    { name: 'What leaves', value: 'every key of it that may leave' },
    { name: 'Who can open it', value: recipient },
  ])
  assert.deepEqual([approval.repeated, approval.approvers], [true, ['bob']])
  const twice = await fetching(all, alice, body)
  assert.equal(twice.status, 409)
  assert.match(twice.text, /waits already/)
  assert.equal(((await all.approve(bob, approval)).json as Shown).state, 'approved')
  await all.door.approvedActs.look()
  assert.equal((await all.show(alice, approval)).state, 'approved', 'it waits for alice')
  assert.deepEqual(await exported(all), [])

  assert.equal((await fetching(all, bob, body)).status, 202, 'bob did not ask for it')
  assert.equal((await fetching(all, alice, { ...body, recipients: [other] })).status, 202)
  const file = await fetching(all, alice, body)
  assert.equal(file.status, 200, file.text)
  assert.match(file.text, /^age-encryption\.org\/v1/)
  assert.deepEqual(await exported(all), [key])
  const done = await all.show(alice, approval)
  assert.deepEqual([done.state, done.decidedBy?.person], ['done', 'bob'])
  assert.deepEqual(
    (await all.entries(approval)).filter((action) => action.startsWith('approval.')),
    ['approval.ask', 'approval.approve', 'approval.carry-out'],
  )
  assert.equal((await fetching(all, alice, body)).status, 202, 'it is asked for again')
  assert.deepEqual(await exported(all), [key])
  assert.deepEqual(all.door.bugs, [])
})

test('of two that fetch it at once, one gets it', async (t) => {
  const { all, alice, bob } = await opened(t)
  const body = wanted()
  const { approval } = await all.waits(alice, 'POST', path, body)
  await all.approve(bob, approval)
  const answers = await Promise.all([fetching(all, alice, body), fetching(all, alice, body)])
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  assert.equal((await exported(all)).length, 1)
})

test('an approved export that is not fetched ends: by time, by its asker, by a second thought, with a token', async (t) => {
  const { all, alice, bob } = await opened(t)
  const approved = async (who: Someone = alice) => {
    const body = wanted()
    const { approval } = await all.waits(who, 'POST', path, body)
    assert.equal((await all.approve(bob, approval)).status, 200)
    return { body, approval }
  }
  const cancelled = await approved()
  assert.equal((await all.ask(alice, 'POST', `/approvals/${cancelled.approval.id}/cancel`)).status, 200)
  const refused = await approved()
  assert.equal((await all.ask(bob, 'POST', `/approvals/${refused.approval.id}/refuse`, {})).status, 200)
  const late = await approved()
  all.clock.pass(24 * 3600_000)
  for (const [{ approval, body }, state] of [
    [cancelled, 'cancelled'],
    [refused, 'refused'],
    [late, 'ended'],
  ] as const) {
    assert.equal((await all.show(alice, approval)).state, state)
    assert.equal((await fetching(all, alice, body)).status, 202, state)
  }
  const carol = await all.human('carol')
  const orphan = await approved(carol)
  assert.equal((await all.ask(bob, 'DELETE', `/tokens/${carol.token.id}`)).status, 200)
  await all.door.approvedActs.look()
  assert.equal((await all.show(bob, orphan.approval)).state, 'ended')
  assert.equal((await all.show(bob, late.approval)).state, 'ended')
  assert.deepEqual(await exported(all), [])
})

test('an approved export gives nothing while its keys may not leave, and fails once its instance has another name', async (t) => {
  const { all, alice, bob } = await opened(t)
  const body = wanted()
  const { approval } = await all.waits(alice, 'POST', path, body)
  await all.approve(bob, approval)
  await portable(all, false)
  const answer = await fetching(all, alice, body)
  assert.equal(answer.status, 422, answer.text)
  assert.match(answer.text, /may not be exported/)
  await portable(all, true)
  await all.door.context.trust.instances.update(serverActor, all.door.red.id, { name: 'crimson' })
  const changed = await all.ask(alice, 'POST', `/instances/${all.door.red.id}/key-exports`, body)
  assert.equal(changed.status, 409, changed.text)
  assert.match(changed.text, /Instance: it was red, and is crimson now/)
  assert.equal((await all.show(alice, approval)).state, 'failed')
  assert.deepEqual(await exported(all), [])
})

test('what is equal to an export waits under its name: a backup for recipients, another root key, a restore that moves', async (t) => {
  const { all, alice } = await opened(t)
  assert.equal((await all.ask(alice, 'POST', '/backups', {})).status, 201)
  const moving = { rootKey: keyprotect('5d'), oldRootKeys: [keyprotect('5e')], ibmApiKey: 'not-shown' }
  for (const [place, body] of [
    ['/backups', { recipients: [recipient] }],
    ['/instances/red/root-key', { rootKey: 'file:other.key' }],
    ['/restores', moving],
  ] as const) {
    const { approval } = await all.waits(alice, 'POST', place, body)
    assert.equal(approval.act, 'key export', place)
    assert.ok(!JSON.stringify(approval).includes('not-shown'))
  }
  const back = await all.ask(alice, 'POST', '/restores', { rootKey: keyprotect('5d') })
  assert.equal(back.status, 422, 'a restore that moves nothing does not wait')
})

test('a restore that moves keys is carried out after the approval, and fails with its reason', async (t) => {
  const all = await TwoPersons.open(t, { guards: guardedActs })
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  const body = { rootKey: keyprotect('5d'), oldRootKeys: [keyprotect('5e')], ibmApiKey: 'not-shown' }
  const { approval } = await all.waits(alice, 'POST', '/restores', body)
  assert.equal(approval.act, 'set-root-key')
  assert.equal((await all.approve(bob, approval)).status, 200)
  await all.door.approvedActs.look()
  const { state, reason } = await all.show(alice, approval)
  assert.equal(state, 'failed')
  assert.match(reason ?? '', /localhost/)
})
