// Rekey campaigns at the admin API, without a vCenter: a second person for a plan, and one campaign at a time.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planHash, type Campaign, type RekeyItem } from '../../../../src/features/vcenter/rekey/campaign.ts'
import { Campaigns } from '../../../../src/features/vcenter/rekey/campaigns.ts'
import { Vcenters } from '../../../../src/features/vcenter/vcenters.ts'
import { TwoPersons } from '../../../support/server/two-persons.ts'
import { addedEntry, knownVcenter } from '../../../support/vcenter/known-vcenter.ts'

const choices = { machines: ['web-*'], isDeep: false, provider: 'P', width: 4, withoutCopy: false }
const item = (id: string): RekeyItem => ({
  kind: 'vm',
  id,
  name: id,
  old: [`old of ${id}`],
  state: 'planned',
})
const login = { user: 'rekey@vsphere.local', password: 'Correct Horse 2' }

function campaignOf(vcenterId: string, instanceId: string, items: readonly RekeyItem[]): Campaign {
  return {
    vcenterId,
    instanceId,
    choices,
    hash: planHash(vcenterId, choices, items),
    parts: 0,
    plannedMs: Date.now(),
    state: 'planned',
    beganMs: null,
    endedMs: null,
    by: null,
    user: null,
    loginUntilMs: null,
    reason: null,
  }
}

test('a second person approves the plan that is there, and no other one; the password is stored nowhere', async (t) => {
  const all = await TwoPersons.open(t, { guards: ['vcenter change'] })
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  const { context, red: instance } = all.door
  // A port at which no vCenter answers.
  const one = knownVcenter('berlin', { instanceId: instance.id, host: '127.0.0.1', port: 1 })
  await new Vcenters(context.secrets).add(one, new Set([instance.id]), addedEntry(one.id))
  const campaigns = new Campaigns(context.secrets)
  const path = '/instances/red/vcenters/berlin/rekey'
  assert.equal((await all.ask(alice, 'GET', path)).status, 404)

  // More items than a part has.
  const items = Array.from({ length: 120 }, (_, number) => item(`vm-${String(number)}`))
  const { hash } = await campaigns.plan(campaignOf(one.id, instance.id, items), items)
  const body = { plan: hash, login }
  const before = (await all.door.store.secrets()).map(({ name }) => name)
  const { approval } = await all.waits(alice, 'POST', `${path}/begin`, body)
  assert.deepEqual(Object.fromEntries(approval.facts.map(({ name, value }) => [name, value])), {
    Instance: 'red',
    vCenter: '127.0.0.1:1',
    'User there': 'rekey@vsphere.local',
    Machines: 'web-*',
    'How many get new keys': '120',
    'All data is encrypted again': 'no',
    'Key provider': 'P',
    'New keys are used before a backup elsewhere has them': 'no',
    Plan: hash,
  })
  assert.doesNotMatch(JSON.stringify(await all.show(bob, approval)), /Correct Horse/)
  assert.deepEqual(
    (await all.door.store.secrets()).map(({ name }) => name),
    before,
  )
  assert.equal((await all.approve(bob, approval)).status, 200)

  // Another plan took its place: the approval is for the first one.
  const fewer = items.slice(0, 60)
  const other = await campaigns.plan(campaignOf(one.id, instance.id, fewer), fewer)
  assert.equal((await campaigns.items(other)).length, 60)
  const stale = await all.ask(alice, 'POST', `${path}/begin`, body)
  assert.equal(stale.status, 409, stale.text)
  assert.match(stale.text, /this is not the plan that waits to be begun/)

  const again = await all.waits(alice, 'POST', `${path}/begin`, { ...body, plan: other.hash })
  assert.equal((await all.approve(bob, again.approval)).status, 200)
  const begun = await all.ask(alice, 'POST', `${path}/begin`, { ...body, plan: other.hash })
  // It was let through, and tried the login.
  assert.match(begun.text, /127\.0\.0\.1:1/)
  assert.equal((await campaigns.of(one.id))?.state, 'planned')
})

test('a vCenter is forgotten with its last campaign, unless that runs', async (t) => {
  const all = await TwoPersons.open(t, { guards: [] })
  const alice = await all.human('alice')
  const { context, red: instance } = all.door
  const one = knownVcenter('berlin', { instanceId: instance.id })
  await new Vcenters(context.secrets).add(one, new Set([instance.id]), addedEntry(one.id))
  const campaigns = new Campaigns(context.secrets)
  await campaigns.plan(campaignOf(one.id, instance.id, [item('a')]), [item('a')])
  await campaigns.change(one.id, (now) => ({ ...now, state: 'paused' }), [])
  const refused = await all.ask(alice, 'DELETE', '/instances/red/vcenters/berlin')
  assert.equal(refused.status, 409, refused.text)
  assert.match(refused.text, /a rekey campaign of this vCenter is paused/)
  const ended = await all.ask(alice, 'POST', '/instances/red/vcenters/berlin/rekey/end')
  assert.equal(ended.status, 200, ended.text)
  assert.equal((await all.ask(alice, 'DELETE', '/instances/red/vcenters/berlin')).status, 200)
  const left = (await all.door.store.secrets()).filter(({ name }) => name.includes('rekey'))
  assert.deepEqual(left, [])
})

test('no plan takes the place of a campaign that runs or is paused; one that is over gives way', async (t) => {
  const all = await TwoPersons.open(t, { guards: [] })
  const { context, red: instance } = all.door
  const campaigns = new Campaigns(context.secrets)
  const campaign = campaignOf('v-1', instance.id, [item('a')])
  await campaigns.plan(campaign, [item('a')])
  for (const state of ['running', 'paused'] as const) {
    await campaigns.change('v-1', (now) => ({ ...now, state }), [])
    await assert.rejects(campaigns.plan(campaign, [item('b')]), new RegExp(`is ${state}: two at once`))
    assert.deepEqual(
      (await campaigns.items({ vcenterId: 'v-1', parts: 1 })).map(({ id }) => id),
      ['a'],
    )
  }
  for (const state of ['ended', 'done', 'planned'] as const) {
    await campaigns.change('v-1', (now) => ({ ...now, state }), [])
    const planned = await campaigns.plan(campaign, [item(state)])
    assert.deepEqual(
      (await campaigns.items(planned)).map(({ id }) => id),
      [state],
    )
  }
  // Campaigns of other vCenters, also one whose id begins so, have items of their own.
  const other = await campaigns.plan({ ...campaign, vcenterId: 'v-10' }, [item('other')])
  assert.equal((await campaigns.items({ vcenterId: 'v-1', parts: 1 })).length, 1)
  assert.equal((await campaigns.all()).length, 2)
  await campaigns.forget('v-1')
  assert.equal((await campaigns.items(other)).length, 1)
  assert.equal(await campaigns.of('v-1'), undefined)
})
