// The person behind each way of logging in, and who may have a token's text: the rule by which two are found to be one person.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { keyText, personKeys, type PersonSubject } from '../../../src/core/trust/person.ts'
import {
  identityOf,
  identityOfPerson,
  makersOf,
  personOf,
  whySame,
  type AdminIdentity,
} from '../../../src/core/trust/identity.ts'
import type { Token } from '../../../src/core/trust/rows.ts'
import { openCore, type TestCore } from '../../support/server/core.ts'

const owner = (name: string) => personKeys({ kind: 'owner', name }).at(-1)
const person = (subject: string, more: Partial<PersonSubject> = {}) =>
  ({ kind: 'subject', issuer: 'https://a', subject, name: subject, ...more }) as const
const login = (subject: string, more: Partial<PersonSubject> = {}) => identityOfPerson(person(subject, more))

const asToken = (name: string, more: Partial<Token> = {}): Token => ({
  id: name,
  name,
  role: 'manager',
  instanceId: null,
  sha256: '',
  createdMs: 0,
  expiresMs: null,
  ...more,
})
const token = (ownerName: string, ...makers: readonly AdminIdentity[]) =>
  identityOf(asToken(ownerName, { owner: ownerName, makers: makers.flatMap(({ keys }) => keys) }))

const alice = login('9a03', { name: 'alice', names: ['alice@example.com', 'Alice Smith'] })

/** The sentence that says why they are one; null: they are two. */
const pairs: readonly (readonly [what: string, AdminIdentity, AdminIdentity, RegExp | null])[] = [
  ['two owners', token('alice'), token('bob'), null],
  ['one owner, written otherwise', token('alice'), token(' ＡＬＩＣＥ '), /^alice asked for it$/],
  ['an owner by name and by e-mail', token('alice'), token('alice@example.com'), /both are alice$/],
  [
    'an owner by name and by two forms of it',
    token('alice'),
    token('alice+kms@b.example'),
    /both are alice$/,
  ],
  ['an owner of a domain', token('alice'), token('EXAMPLE\\alice'), /both are alice$/],
  ['two people', alice, login('77f1', { name: 'bob', names: ['bob@example.com', 'Bob Jones'] }), null],
  ['one person, logged in twice', alice, login('9a03', { name: 'Al' }), /^alice asked for it$/],
  ['the same subject of two providers', login('9a03'), login('9a03', { issuer: 'https://b' }), /^9a03 asked/],
  [
    'two accounts with one e-mail address',
    alice,
    login('x', { names: ['alice@example.com'] }),
    /both are alice/,
  ],
  ['two accounts with one full name', alice, login('x', { names: ['alice smith'] }), /both are alice smith$/],
  ['a person and the token of another one', alice, token('bob'), null],
  ['a person and a token by user name', alice, token('Alice'), /^alice asked for it$/],
  ['a person and a token by e-mail', alice, token('alice@example.com'), /both are alice/],
  ['a person and a token by full name', alice, token('Alice Smith'), /both are alice smith$/],
  ['a person and a token by subject', alice, token('9a03'), /both are 9a03$/],
  [
    'a person with an e-mail alone and a token',
    login('x', { name: 'al@example.com' }),
    token('al'),
    /both are al$/,
  ],
  ['a token that a person made', alice, token('bob', alice), /^alice may have both tokens/],
  ['a token of a token that a person made', alice, token('bob', token('carol', alice)), /^alice may have/],
  [
    'two tokens that a person made',
    token('bob', alice),
    token('carol', alice),
    /^alice smith may|^alice may/,
  ],
  ['a token whose maker is logged in', token('bob', alice), alice, /^alice may have both tokens/],
  ['a token whose maker has a token too', token('bob', token('alice')), alice, /^alice may have both tokens/],
  ['a token that another one made for a person', alice, token('bob', token('carol')), null],
  [
    'an older row of a maker',
    identityOf(asToken('t', { owner: 'bob', makers: ['["subject","https://a","9a03"]'] })),
    alice,
    /^alice may have/,
  ],
  ['an older row without makers', identityOf(asToken('t', { owner: 'bob' })), alice, null],
  [
    'a person without a name',
    login('9a03', { name: '', names: ['', ' '] }),
    login('77f1', { name: '', names: [''] }),
    null,
  ],
]
for (const [what, one, other, why] of pairs)
  test(`${why ? 'one' : 'two'}: ${what}`, () => {
    for (const said of [whySame(one, other), whySame(other, one)]) {
      assert.equal(said === undefined, why === null, said)
    }
    if (why) assert.match(whySame(one, other) ?? '', why)
  })

test('a key is told as a name', () => {
  assert.equal(keyText(owner('Alice') ?? ''), 'alice')
  assert.equal(keyText(personKeys(person('9a03'))[0] ?? ''), '9a03')
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
  assert.match(keyText(programKey), new RegExp(program.id))
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
  assert.deepEqual((await core.access.snapshot()).tables.token.get(token.id), token)
  assert.deepEqual(makersOf(token), [])
  const { entries } = await core.store.audit({ order: 'newest', limit: 1 })
  const [entry] = entries.map(({ body }) => JSON.parse(body) as AuditEntry)
  assert.deepEqual(
    [entry?.action, entry?.object, entry?.detail],
    ['token.recover', token.id, { name: 'recovered', role: 'manager' }],
  )
  const named = await make(core, undefined, 'recovered')
  assert.notDeepEqual(makersOf(named), [], 'a name makes none of it')
})

test('a token that was revoked meanwhile makes none, which would be nobody’s in particular', async (t) => {
  const core = await openCore(t)
  const first = await make(core, undefined, 'first', { owner: 'alice' })
  await make(core, undefined, 'the last one stays')
  await core.trust.tokens.revoke(serverActor, first.id, null)
  await assert.rejects(make(core, first, 'second', { owner: 'bob' }), /was revoked/)
  const by = { ...serverActor, kind: 'person', id: 'https://a#9a03', name: 'alice' } as const
  const wanted = { name: 'third', role: 'manager', instanceId: null, expiresMs: null, owner: 'bob' } as const
  await assert.rejects(core.trust.tokens.create(by, wanted), /session is over/)
})

test('a token whose makers are too many is not made', async (t) => {
  const core = await openCore(t)
  let last = await make(core, undefined, 'first', { owner: 'p0' })
  for (let n = 1; n <= 100; n++) last = await make(core, last, `t${n}`, { owner: `p${n}` })
  await assert.rejects(make(core, last, 'one too many', { owner: 'p101' }), /too many people/)
})
