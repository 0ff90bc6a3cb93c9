// The people who may ask for acts that need a second person, and those who may approve them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { TwoPersons, type Human, type Shown } from '../../support/server/two-persons.ts'

const refused = async (all: TwoPersons, who: Human, approval: Shown, why: RegExp) => {
  const answer = await all.approve(who, approval)
  assert.equal(answer.status, 403, answer.text)
  assert.match(answer.text, why)
  assert.equal((await all.entries(approval)).at(-1), 'approval.approve refused', 'the audit tells')
  assert.equal((await all.show(who, approval)).state, 'waiting')
}
const asks = async (all: TwoPersons, who: Human) =>
  (await all.waits(who, 'DELETE', `/instances/red/keys/${await all.key()}`)).approval

test('neither with the same token nor with another one of the same owner', async (t) => {
  const all = await TwoPersons.open(t)
  const alice = await all.human('alice')
  const approval = await asks(all, alice)
  await refused(all, alice, approval, /alice asked for it/)
  await refused(all, await all.human('other', { owner: ' Alice' }), approval, /alice asked for it/)
})

test('nor with a token that whoever asked made, at any distance', async (t) => {
  const all = await TwoPersons.open(t)
  const alice = await all.human('alice')
  const bob = await all.human('bob', { by: alice })
  const program = await all.human('program', { by: bob, owner: null })
  const carol = await all.human('carol', { by: program })
  const approval = await asks(all, alice)
  for (const who of [bob, carol]) await refused(all, who, approval, /alice may have both tokens/)
  await all.door.context.trust.tokens.revoke(serverActor, bob.token.id, null)
  await refused(all, carol, approval, /alice may have both tokens/)
})

test('nor with the token that made that of whoever asked, nor with one of the same maker', async (t) => {
  const all = await TwoPersons.open(t)
  const alice = await all.human('alice')
  const bob = await all.human('bob', { by: alice })
  const carol = await all.human('carol', { by: alice })
  const approval = await asks(all, bob)
  await refused(all, alice, approval, /alice may have both tokens/)
  await refused(all, carol, approval, /alice may have both tokens/)
  const dave = await all.human('dave')
  assert.deepEqual((await all.show(dave, approval)).approvers, ['dave'])
})

test('nor without an owner, a manager’s role, or the reach; and nobody asks so', async (t) => {
  const all = await TwoPersons.open(t)
  const { red, blue } = all.door
  const alice = await all.human('alice')
  const nobody = await all.human('nobody', { owner: null })
  const approval = await asks(all, alice)
  const answer = await all.approve(nobody, approval)
  assert.equal(answer.status, 403)
  assert.match(answer.text, /names no owner/)
  const operator = await all.human('olga', { role: 'operator' })
  assert.equal((await all.approve(operator, approval)).status, 403)
  const ofBlue = await all.human('bea', { instanceId: blue.id })
  assert.equal((await all.approve(ofBlue, approval)).status, 404, 'it does not exist for another instance')
  assert.deepEqual((await all.ask(ofBlue, 'GET', '/approvals')).json, [])
  const ofRed = await all.human('rita', { instanceId: red.id })
  const { approval: ofServer } = await all.waits(alice, 'POST', '/backups', {})
  assert.equal((await all.approve(ofRed, ofServer)).status, 404)
  assert.equal((await all.approve(ofRed, approval)).status, 200)

  const asked = await all.ask(nobody, 'DELETE', `/instances/red/keys/${await all.key()}`)
  assert.equal(asked.status, 403)
  assert.match(asked.text, /names no owner/)
})

test('and nobody can change whose a token is', async (t) => {
  const all = await TwoPersons.open(t)
  const alice = await all.human('alice')
  const spec = (await all.door.ask('GET', '/api/openapi.json')).json as { paths: Record<string, object> }
  const ofTokens = Object.entries(spec.paths).filter(([path]) => path.startsWith('/api/v1/tokens'))
  const methods = ofTokens.flatMap(([path, of]) => Object.keys(of).map((method) => `${method} ${path}`))
  assert.deepEqual(
    methods.filter((one) => /^(patch|put)/.test(one)),
    [],
  )
  assert.equal((await all.ask(alice, 'PATCH', `/tokens/${alice.token.id}`, { owner: 'bob' })).status, 405)
})
