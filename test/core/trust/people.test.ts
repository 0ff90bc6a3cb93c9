// Sessions of people: what ends them, how many there may be, and that roles are of this moment.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { sessionsPerPersonMax } from '../../../src/core/trust/person-sessions.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { People, type PeopleSettings } from '../../../src/core/trust/people.ts'
import { TrustForbidden } from '../../../src/core/trust/writer.ts'
import { edit, makeInstance, manager, openCore } from '../../support/server/core.ts'

const minuteMs = 60_000
const issuer = 'https://login.example'

async function begin(t: TestContext) {
  const core = await openCore(t)
  const now: { settings: PeopleSettings } = {
    settings: {
      issuer,
      rules: [{ group: 'ops', role: 'operator', instance: null }],
      sessionMs: 480 * minuteMs,
      idleMs: 30 * minuteMs,
    },
  }
  const { access, clock, trust } = core
  const people = new People({ access, clock, changes: trust.personSessions, settings: () => now.settings })
  const logIn = (
    subject: string,
    groups: readonly string[] = ['ops', 'a group without a role'],
    name = subject,
  ) =>
    people.begin(
      { ...manager, address: '192.0.2.1' },
      { issuer, subject, name, groups, through: 'cli' },
      (row) => row,
    )
  const sessionOf = core.sessions.beginOf.bind(core.sessions)
  return { ...core, core, now, people, logIn, sessionOf }
}

test('a session gives the roles of the rules of this moment, and only groups with a role are stored', async (t) => {
  const { people, logIn, sessionOf, now, core } = await begin(t)
  const row = await logIn('anna')
  assert.deepEqual(row.groups, ['ops'])
  const session = sessionOf(row)
  const grants = async () => (await people.accessOf(session))?.grants
  assert.deepEqual(await grants(), [{ role: 'operator', instanceId: null }])
  now.settings = { ...now.settings, rules: [{ group: 'ops', role: 'manager', instance: 'red' }] }
  assert.equal(await grants(), undefined, 'the instance is not there')
  const { id } = await makeInstance(core, 'red')
  assert.deepEqual(await grants(), [{ role: 'manager', instanceId: id }])
  now.settings = { ...now.settings, issuer: 'https://other.example' }
  assert.equal(await grants(), undefined)
  now.settings = { ...now.settings, issuer: null }
  assert.equal(await grants(), undefined)
  assert.deepEqual(await people.list(), [])
})

test('the groups whose members may approve an act on everything, or on one instance', async (t) => {
  const { people, now, core, access } = await begin(t)
  const { id } = await makeInstance(core, 'red')
  const rules = [
    { group: 'ops', role: 'operator', instance: null },
    { group: 'bosses', role: 'manager', instance: null },
    { group: 'reds', role: 'manager', instance: 'red' },
  ] as const
  const { tables } = await access.snapshot()
  const groups = (settings: Partial<PeopleSettings>) => {
    now.settings = { ...now.settings, rules, ...settings }
    return [people.managerGroups(null, tables), people.managerGroups(id, tables)]
  }
  assert.deepEqual(groups({}), [['bosses'], ['bosses', 'reds']])
  assert.deepEqual(groups({ issuer: null }), [[], []], 'nobody logs in')
})

test('it ends when idle, at its end, and at a length that was shortened since', async (t) => {
  const { people, logIn, sessionOf, now, clock } = await begin(t)
  const row = await logIn('anna')
  const session = sessionOf(row)
  clock.pass(30 * minuteMs - 1)
  assert.equal(people.isIdle(session), false)
  clock.pass(1)
  assert.equal(people.isIdle(session), true)
  assert.ok(await people.accessOf(session), 'as for a request that goes on')
  const used = sessionOf(row)
  assert.ok(await people.accessOf(used))
  now.settings = { ...now.settings, sessionMs: 20 * minuteMs }
  assert.equal(await people.accessOf(used), undefined)
  now.settings = { ...now.settings, sessionMs: 2000 * minuteMs }
  clock.pass(450 * minuteMs)
  assert.equal(await people.accessOf(sessionOf(row)), undefined, 'a longer time counts for new sessions')
})

test('whoever has no group with a role gets no session', async (t) => {
  const { logIn, people, core } = await begin(t)
  await assert.rejects(logIn('emil', ['others']), TrustForbidden)
  const person = `${issuer}#emil`
  assert.equal((await core.store.audit({ object: person, order: 'newest', limit: 1 })).entries.length, 1)
  assert.deepEqual(await people.list(), [])
})

test('a session that somebody ends is over at once, and can be ended only once', async (t) => {
  const { logIn, people, sessionOf } = await begin(t)
  const [row, other] = [await logIn('anna'), await logIn('anna')]
  assert.equal((await people.end(manager, row.id)).id, row.id)
  assert.equal(await people.accessOf(sessionOf(row)), undefined)
  assert.ok(await people.accessOf(sessionOf(other)))
  await assert.rejects(people.end(manager, row.id), /there is no session/)
})

test('the sessions of one person are bounded: the oldest gives way, and what is over is removed', async (t) => {
  const { core, logIn, people, sessionOf, clock, access } = await begin(t)
  const other = await logIn('otto')
  const first = await logIn('anna')
  for (let n = 1; n < sessionsPerPersonMax; n++) {
    clock.pass(1)
    await logIn('anna')
  }
  assert.ok(await people.accessOf(sessionOf(first)))
  clock.pass(1)
  await logIn('anna')
  assert.equal(await people.accessOf(sessionOf(first)), undefined)
  assert.ok(await people.accessOf(sessionOf(other)))
  const ended = async () => {
    const { entries } = await core.audit.list({ order: 'oldest', limit: 10, action: 'session.end' })
    return entries.map(({ body }) => (JSON.parse(body) as AuditEntry).object)
  }
  assert.deepEqual(await ended(), [first.id])
  clock.pass(481 * minuteMs)
  await logIn('anna')
  assert.equal((await access.snapshot()).tables.session.size, 1)
  assert.deepEqual(await ended(), [first.id], 'the others were over by themselves')
})

test('a session row that somebody wrote or changed by hand does not count', async (t) => {
  const { core, logIn, sessionOf, people } = await begin(t)
  const row = await logIn('anna')
  edit(core.file, `UPDATE trust SET body = replace(body, 'ops', 'boss') WHERE kind = 'session'`)
  await core.access.check()
  assert.equal(await people.accessOf(sessionOf(row)), undefined)
  assert.match(core.alarms.join(), /session\/.* was not written by this server, or was altered/)
})

test('a person who takes another name keeps those of before, as long as a session knows them, and nobody else’s', async (t) => {
  const { logIn, clock } = await begin(t)
  const namesOf = async (subject: string, name: string) => {
    clock.pass(1)
    return (await logIn(subject, ['ops'], name)).names
  }
  await namesOf('otto', 'Otto')
  await namesOf('anna', 'Anna Alt')
  assert.deepEqual(await namesOf('anna', 'Anna Neu'), ['Anna Alt', 'Anna Neu'])
  assert.deepEqual(await namesOf('anna', 'Anna Alt'), ['Anna Alt', 'Anna Neu'])
  clock.pass(481 * minuteMs)
  assert.deepEqual(await namesOf('otto', 'O. Otto'), ['Otto', 'O. Otto'], 'it was still stored')
  assert.deepEqual(await namesOf('anna', 'Anna'), ['Anna'])
})
