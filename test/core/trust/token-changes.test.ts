// Tokens are made on the rows as they are at the moment of the commit.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { People } from '../../../src/core/trust/people.ts'
import { idOfSubject, personKeys } from '../../../src/core/trust/person.ts'
import { personOfSession } from '../../../src/core/trust/identity.ts'
import type { Token } from '../../../src/core/trust/rows.ts'
import { makeInstance, manager, openCore } from '../../support/server/core.ts'

const issuer = 'https://login.example'

test('no token is made for an instance that is gone, which a restore would bring back', async (t) => {
  const core = await openCore(t)
  const { id: instanceId } = await makeInstance(core, 'red')
  await core.trust.instances.remove(manager, instanceId)
  const wanted = { name: 'late', role: 'manager', instanceId, expiresMs: null } as const
  await assert.rejects(core.trust.tokens.create(manager, wanted), { name: 'TrustRefused', code: 'not-found' })
  assert.equal((await core.access.snapshot()).tables.token.size, 0)
})

test('whoever may have the text of a token is noted in it: the person that made it, by all names of its sessions, and nobody else', async (t) => {
  const core = await openCore(t)
  const { access, clock, trust } = core
  const rules = [{ group: 'ops', role: 'manager', instance: null }] as const
  const settings = () => ({ issuer, rules, sessionMs: 3_600_000, idleMs: 3_600_000 })
  const people = new People({ access, clock, changes: trust.personSessions, settings })
  const logIn = (subject: string, name: string) =>
    people.begin(
      { ...manager, address: '192.0.2.1' },
      { issuer, subject, name, groups: ['ops'], through: 'cli' },
      (row) => row,
    )
  const sessions = [await logIn('1', 'Anna'), await logIn('1', 'Anna Muster')]
  await logIn('2', 'Bob')
  const by = { ...manager, kind: 'person', id: idOfSubject({ issuer, subject: '1' }), name: 'Anna' } as const
  const make = (name: string) =>
    trust.tokens.create(by, { name, role: 'viewer', instanceId: null, expiresMs: null })
  const { makers = [] } = (await make('by Anna')).token
  assert.deepEqual(
    new Set(makers),
    new Set(sessions.flatMap((session) => personKeys(personOfSession(session)))),
  )
  assert.equal(makers.length, new Set(makers).size, 'each once')
  for (const { id } of sessions) await people.end(manager, id)
  await assert.rejects(make('too late'), { name: 'TrustRefused', code: 'not-found' })
})

test('a token that expires makes none that outlives it, whatever it asks for', async (t) => {
  const core = await openCore(t)
  const { clock, trust } = core
  const wanted = { name: 'one', role: 'manager', instanceId: null } as const
  const make = async (maker: Token | null, expiresMs: number | null) => {
    const by = maker ? { ...manager, kind: 'token' as const, id: maker.id } : manager
    return (await trust.tokens.create(by, { ...wanted, expiresMs })).token
  }
  const tooLong = { name: 'TrustRefused', why: 'unfit', message: /expires at .* none that outlives it/ }
  const lastMs = clock.now() + 86_400_000
  const temporary = await make(null, lastMs)
  assert.equal((await make(temporary, null)).expiresMs, lastMs, 'without a wish: with its maker')
  assert.equal((await make(temporary, lastMs)).expiresMs, lastMs)
  assert.equal((await make(temporary, lastMs - 1)).expiresMs, lastMs - 1)
  await assert.rejects(make(temporary, lastMs + 1), tooLong)
  const heir = await make(temporary, null)
  await assert.rejects(make(heir, lastMs + 1), tooLong, 'nor by way of another one')
  assert.equal((await make(await make(null, null), null)).expiresMs, null, 'a lasting one makes lasting ones')
  const { token: recovered } = await trust.tokens.recover(manager, () => [])
  assert.equal((await make(recovered, null)).expiresMs, null, 'so does one that the root key made')
})
