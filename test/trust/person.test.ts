// Who may have a token's text: the rule by which two tokens are found to be one person's.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../src/audit/actor.ts'
import { makersOf, makerText, personKey, personOf } from '../../src/trust/person.ts'
import type { Token } from '../../src/trust/rows.ts'
import { openCore, type TestCore } from '../support/core.ts'

const owner = (name: string) => personKey({ kind: 'owner', name })
const subject = (issuer: string, name = 'alice') =>
  personKey({ kind: 'subject', issuer, subject: 'alice', name })

test('a person is the same however the name is written', () => {
  for (const same of ['alice', 'Alice', ' ALICE ', 'ａｌｉｃｅ']) assert.equal(owner(same), owner('alice'))
  assert.equal(owner('alice  smith'), owner('Alice Smith'))
  assert.notEqual(owner('alice'), owner('bob'))
  assert.notEqual(subject('https://a'), subject('https://b'))
  assert.equal(
    subject('https://a', 'Alice'),
    subject('https://a', 'A. Smith'),
    'a subject keeps its identity',
  )
  assert.notEqual(subject('https://a'), owner('alice'))
  assert.equal(makerText(owner('Alice')), 'alice')
  assert.equal(makerText(subject('https://a')), 'alice')
})

async function make(core: TestCore, by: Token | undefined, name: string, more: Partial<Token> = {}) {
  const actor = by ? { ...serverActor, kind: 'token' as const, id: by.id, name: by.name } : serverActor
  const wanted = { name, role: 'manager', instanceId: null, expiresMs: null, ...more } as const
  return (await core.trust.tokens.create(actor, wanted)).token
}

test('whoever made a token may have its text, and so on up the chain', async (t) => {
  const core = await openCore(t)
  const first = await make(core, undefined, 'bootstrap')
  const alice = await make(core, first, 'laptop', { owner: 'Alice' })
  const bob = await make(core, first, 'desk', { owner: 'bob' })
  const carol = await make(core, alice, 'carol', { owner: 'carol' })
  const dave = await make(core, carol, 'dave', { owner: 'dave' })
  const program = await make(core, bob, 'grafana')
  const madeByProgram = await make(core, program, 'erin', { owner: 'erin' })
  assert.deepEqual(makersOf(first), [], 'the first token stands for nobody')
  assert.deepEqual(makersOf(alice), [owner('alice')])
  assert.deepEqual(makersOf(dave), [owner('dave'), owner('carol'), owner('alice')])
  assert.equal(personOf(program), undefined)
  const programKey = makersOf(program)[0] ?? ''
  assert.match(makerText(programKey), new RegExp(program.id))
  assert.deepEqual(makersOf(madeByProgram), [owner('erin'), programKey, owner('bob')])

  await core.trust.tokens.revoke(serverActor, carol.id, null)
  const renewed = await make(core, dave, 'dave-2', { owner: 'dave' })
  assert.deepEqual(makersOf(renewed), makersOf(dave), 'a maker whose token is gone still made it')
  const own = await make(core, bob, 'desk-2', { owner: 'Bob' })
  assert.deepEqual(makersOf(own), [owner('bob')], 'a token that he renews is his alone')
})

test('the root key makes a token that stands for nobody', async (t) => {
  const core = await openCore(t)
  const { token } = await core.trust.tokens.recover(serverActor, () => [])
  assert.equal(token.recovered, true)
  assert.deepEqual(makersOf(token), [])
  const named = await make(core, undefined, 'recovered')
  assert.notDeepEqual(makersOf(named), [], 'a name makes none of it')
})

test('a token whose makers are too many is not made', async (t) => {
  const core = await openCore(t)
  let last = await make(core, undefined, 'first', { owner: 'p0' })
  for (let n = 1; n <= 100; n++) last = await make(core, last, `t${n}`, { owner: `p${n}` })
  await assert.rejects(make(core, last, 'one too many', { owner: 'p101' }), /too many people/)
})
