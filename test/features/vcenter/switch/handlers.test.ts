// Change-overs at the admin API, without a vCenter: a second person for each of the three, and what is refused before a vCenter is reached.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Vcenters, type Switched } from '../../../../src/features/vcenter/vcenters.ts'
import { TwoPersons } from '../../../support/server/two-persons.ts'
import { addedEntry, knownVcenter } from '../../../support/vcenter/known-vcenter.ts'

const switched: Switched = {
  provider: 'ibm-kmip',
  servers: [
    { name: 'one', address: 'old-1.example.com', port: 5696 },
    { name: 'two', address: 'old-2.example.com', port: 5697 },
  ],
  startedMs: 1,
  sequence: 0,
  doneMs: null,
  before: null,
}
const login = { user: 'setup@vsphere.local', password: 'Correct Horse 3' }
const path = '/instances/red/vcenters/berlin/switch'

/** A vCenter at a port at which none answers. */
async function site(t: TestContext, { open }: { readonly open: boolean }) {
  const all = await TwoPersons.open(t, { guards: ['vcenter change'] })
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  const { context, red } = all.door
  const place = { instanceId: red.id, host: '127.0.0.1', port: 1 }
  const one = knownVcenter('berlin', { ...place, ...(open && { switched }) })
  await new Vcenters(context.secrets).add(one, new Set([red.id]), addedEntry(one.id))
  return { all, alice, bob, one }
}

const acts = [
  {
    name: 'to this server',
    path,
    open: false,
    body: { ...login, from: 'ibm-kmip', to: ['kms-1:5696', 'kms-2'], withoutUpstream: true },
    facts: {
      Instance: 'red',
      vCenter: '127.0.0.1:1',
      'User there': login.user,
      'Key provider whose servers this server replaces': 'ibm-kmip',
      'Addresses of this server': 'kms-1:5696, kms-2:5696',
      'Without an upstream': 'yes',
    },
  },
  {
    name: 'back to the old servers',
    path: `${path}/back`,
    open: true,
    body: login,
    facts: {
      Instance: 'red',
      vCenter: '127.0.0.1:1',
      'User there': login.user,
      'Key provider that gets its old servers again': 'ibm-kmip',
      'Old servers': 'old-1.example.com:5696, old-2.example.com:5697',
    },
  },
  {
    name: 'to its end',
    path: `${path}/finish`,
    open: true,
    body: {},
    facts: {
      Instance: 'red',
      vCenter: '127.0.0.1:1',
      'Key provider that was changed over': 'ibm-kmip',
      'Upstream that is removed': 'none',
    },
  },
] as const

for (const act of acts)
  test(`a change-over ${act.name} needs a second person, who sees what it does; the password is stored nowhere`, async (t) => {
    const { all, alice, bob } = await site(t, act)
    const stored = async () => (await all.door.store.secrets()).map(({ name }) => name)
    const before = await stored()
    const { approval } = await all.waits(alice, 'POST', act.path, act.body)
    assert.deepEqual(Object.fromEntries(approval.facts.map(({ name, value }) => [name, value])), act.facts)
    assert.doesNotMatch(JSON.stringify(await all.show(bob, approval)), /Correct Horse/)
    assert.deepEqual(await stored(), before)

    // Nothing is done for who asked, before another one approved it, nor for another request.
    assert.equal((await all.approve(alice, approval)).status, 403)
    assert.equal((await all.ask(alice, 'POST', act.path, act.body)).status, 409)
    assert.equal((await all.approve(bob, approval)).status, 200)
    const other = 'user' in act.body ? { ...act.body, user: 'other@vsphere.local' } : undefined
    if (other) assert.equal((await all.ask(alice, 'POST', act.path, other)).status, 202)
    const begun = await all.ask(alice, 'POST', act.path, act.body)
    assert.equal(begun.status, 201, begun.text)
    assert.notEqual((await all.ask(alice, 'POST', act.path, act.body)).status, 201, 'once')
  })

test('a dry run needs nobody; a change-over that is not open is neither taken back nor finished', async (t) => {
  const { all, alice } = await site(t, { open: false })
  const body = { ...login, from: 'ibm-kmip', to: ['kms-1'], withoutUpstream: true, dryRun: true }
  assert.equal((await all.ask(alice, 'POST', path, body)).status, 201)
  for (const act of ['back', 'finish']) {
    const refused = await all.ask(alice, 'POST', `${path}/${act}`, act === 'back' ? login : {})
    assert.equal(refused.status, 404, refused.text)
    assert.match(
      refused.text,
      /no change-over of berlin is open.*mortise vcenter switch berlin --from PROVIDER/,
    )
  }
})

test('an instance without an upstream is not changed over, unless the person says that all keys are here', async (t) => {
  const { all, alice } = await site(t, { open: false })
  const body = { ...login, from: 'ibm-kmip', to: ['kms-1'], dryRun: true }
  const refused = await all.ask(alice, 'POST', path, body)
  assert.equal(refused.status, 422, refused.text)
  assert.match(refused.text, /the instance red has no upstream.*instance set red --upstream/)
})

test('a manager of one instance alone changes nothing over', async (t) => {
  const { all } = await site(t, { open: true })
  const own = await all.human('own', { instanceId: all.door.red.id })
  for (const act of acts) {
    const refused = await all.ask(own, 'POST', act.path, act.body)
    assert.equal(refused.status, 403, act.name + refused.text)
  }
})
