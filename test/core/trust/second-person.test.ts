// The people who may decide about a request, over rows of this version and of older ones.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Approval } from '../../../src/core/trust/approval.ts'
import type { LoginOf } from '../../../src/core/trust/people.ts'
import { personOfSession } from '../../../src/core/trust/identity.ts'
import type { PersonSession, Token, TrustTables } from '../../../src/core/trust/rows.ts'
import { areTwo, mayApprove, notSecond, standingOf, whyGone } from '../../../src/core/trust/second-person.ts'

const token = (id: string, more: Partial<Token> = {}): Token => ({
  id,
  name: id,
  role: 'manager',
  instanceId: null,
  sha256: '',
  createdMs: 0,
  expiresMs: null,
  owner: id,
  ...more,
})
const session = (subject: string, more: Partial<PersonSession> = {}): PersonSession => ({
  id: `session of ${subject}`,
  issuer: 'https://a',
  subject,
  name: subject,
  groups: ['managers'],
  through: 'cli',
  address: null,
  startedMs: 0,
  endsMs: 100,
  ...more,
})
const loginOf: LoginOf = (row) => ({
  session: row,
  person: personOfSession(row),
  grants: row.groups.map(() => ({ role: 'manager', instanceId: null })),
  endsMs: row.endsMs,
})
const byId = <T extends { readonly id: string }>(rows: readonly T[]) =>
  new Map(rows.map((row) => [row.id, row]))
const nowWith = (tokens: readonly Token[], sessions: readonly PersonSession[]) => ({
  nowMs: 50,
  loginOf,
  tables: { token: byId(tokens), session: byId(sessions) } as unknown as TrustTables,
})
const ofToken = (id: string) =>
  ({ tokenId: id, name: id, person: { kind: 'owner', name: id }, address: null }) as const
const ofSession = (subject: string) =>
  ({
    sessionId: `session of ${subject}`,
    person: { kind: 'subject', issuer: 'https://a', subject, name: subject },
    address: null,
  }) as const

const partyOf = (row: Token | PersonSession) => ('subject' in row ? ofSession(row.subject) : ofToken(row.id))

/** The asker's row, the other one's, and why that one may not approve; null: they may. */
const cases: readonly (readonly [string, Token | PersonSession, Token | PersonSession, RegExp | null])[] = [
  ['two tokens', token('alice'), token('bob'), null],
  ['a token and a session', token('alice'), session('bob'), null],
  ['two sessions', session('alice'), session('bob'), null],
  [
    'a session of an older version, whose row has no names',
    token('alice'),
    session('alice'),
    /alice asked for it/,
  ],
  [
    'a session that another name is known of',
    token('alice'),
    session('x', { names: ['Alice'] }),
    /both are alice/,
  ],
  ['a session without a role', token('alice'), session('bob', { groups: [] }), /gives no role any more/],
  ['an asker without a role', session('alice', { groups: [] }), token('bob'), /session of alice is over/],
  ['a token of an operator', session('alice'), token('bob', { role: 'operator' }), /not a manager's/],
  ['an asker whose token has expired', token('alice', { expiresMs: 50 }), session('bob'), /has expired/],
  ['a token for one instance', session('alice'), token('bob', { instanceId: 'red' }), /one instance only/],
  [
    'a token without an owner',
    session('alice'),
    { ...token('bob'), owner: undefined } as unknown as Token,
    /names no owner/,
  ],
]
for (const [what, asker, other, why] of cases)
  test(`${why ? 'no second person' : 'a second person'}: ${what}`, () => {
    const rows = [asker, other]
    const tokens = rows.filter((row): row is Token => 'sha256' in row)
    const now = nowWith(
      tokens,
      rows.filter((row): row is PersonSession => 'subject' in row),
    )
    const standing = standingOf(now, partyOf(other)) ?? assert.fail('it is there')
    const said = notSecond(now, { asker: partyOf(asker), instanceId: null }, standing)
    if (why) assert.match(said ?? '', why)
    else assert.equal(said, undefined)
    assert.equal(areTwo(now), why === null)
  })

test('those who may approve are named once each, by their names', () => {
  const tokens = [token('alice'), token('bob'), token('laptop', { owner: 'bob' })]
  const now = nowWith([...tokens, token('dave', { role: 'operator' })], [session('Bea'), session('alice')])
  const approval = { asker: ofToken('alice'), instanceId: null } as Approval
  assert.deepEqual(mayApprove(now, approval), ['Bea', 'bob'])
})

test('whoever asked is gone with the row', () => {
  const { tables } = nowWith([], [])
  assert.match(whyGone(tables, ofToken('alice')) ?? '', /was revoked/)
  assert.match(whyGone(tables, ofSession('alice')) ?? '', /alice asked is over/)
  const there = nowWith([token('alice')], [session('alice')])
  for (const one of [ofToken('alice'), ofSession('alice')])
    assert.equal(whyGone(there.tables, one), undefined)
})
