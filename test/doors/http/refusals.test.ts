// The audit says who asked the admin API for what they may not have, and nobody fills it with that.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { AuditAction } from '../../../src/core/ports/audit-actions.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { routes } from '../../../src/program/routes.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { minuteQuotaPerGroupMax } from '../../../src/core/audit/minute-quota.ts'
import { adminRefusalEntryEveryMs } from '../../../src/doors/http/refusals.ts'
import { startDoor } from '../../support/server/admin-door.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

async function openDoor(t: TestContext) {
  const clock = new MovableClock()
  const door = await startDoor({ clock })
  t.after(() => door.close())
  const { audit } = door.context
  return {
    ...door,
    ask: (...asked: Parameters<typeof door.ask>) => door.ask(...asked),
    token: (...wanted: Parameters<typeof door.token>) => door.token(...wanted),
    clock,
    /** In the order of writing, those of refusals that were answered before included. */
    entries: async (action: AuditAction): Promise<readonly AuditEntry[]> => {
      const about = { result: 'success', instanceId: null, object: null, reason: null, detail: null } as const
      await audit.enter({ action: 'siem.test', requestId: null, ...about })
      const { entries } = await audit.list({ order: 'oldest', action, limit: 1_000 })
      return entries.map(({ body }) => JSON.parse(body) as AuditEntry)
    },
  }
}

test('a token that gives too little is named, with what it was to do, once an hour', async (t) => {
  const { ask, token, entries, clock, red } = await openDoor(t)
  const viewer = await token('viewer', red)
  const body = { role: 'manager' }
  const create = () => ask('POST', '/api/v1/tokens', { token: viewer, body })
  const answer = await create()
  assert.equal(answer.status, 403)
  assert.equal((await create()).status, 403)
  assert.equal((await ask('GET', '/api/v1/audit', { token: viewer })).status, 403)
  const [first, second, ...more] = await entries('admin.refused')
  assert(first && second)
  assert.deepEqual(
    [first.actor.kind, first.actor.name, first.actor.address],
    ['token', 'viewer of a test', '127.0.0.1'],
  )
  assert.deepEqual([first.result, first.reason, first.instanceId], ['refused', 'PermissionDenied', red.id])
  assert.deepEqual(first.detail, {
    route: 'createToken',
    why: "this needs the role manager; the token is a viewer's",
  })
  assert.match(answer.text, new RegExp(first.requestId ?? 'none'))
  assert.deepEqual([second.detail?.['route'], more], ['listAudit', []])
  clock.pass(adminRefusalEntryEveryMs)
  await create()
  assert.equal((await entries('admin.refused')).length, 3)
})

test('an instance of others is not there, and who asks for it stands where only those of the whole server read it', async (t) => {
  const { ask, token, entries, blue, context } = await openDoor(t)
  const manager = await token('manager', blue)
  const status = async (instance: string) =>
    (await ask('GET', `/api/v1/instances/${instance}/clients`, { token: manager })).status
  assert.deepEqual([await status('red'), await status('green'), await status('blue')], [404, 404, 200])
  const found = await entries('admin.refused')
  assert.deepEqual(
    found.map(({ instanceId, actor, detail }) => [instanceId, actor.kind, detail?.['why']]),
    [[null, 'token', 'there is no instance red']],
  )
  const own = await context.audit.list({ order: 'oldest', instanceId: blue.id, limit: 100 })
  assert(own.entries.every(({ body }) => !body.includes('admin.refused')))
})

test('a token that does not hold is entered, and by its name if it has expired; no token at all is not', async (t) => {
  const { ask, token, entries, clock } = await openDoor(t)
  const expiring = await token('viewer', undefined, clock.now() + 1_000)
  clock.pass(2_000)
  for (const shown of [{ token: expiring }, { token: 'unknown' }, {}])
    assert.equal((await ask('GET', '/api/v1/status', shown)).status, 401)
  const found = await entries('admin.refused')
  assert.deepEqual(
    found.map(({ actor: { kind, name, address }, reason }) => [kind, name, address, reason]),
    [
      ['unauthenticated', 'viewer of a test', '127.0.0.1', 'AuthenticationNotSuccessful'],
      ['unauthenticated', null, '127.0.0.1', 'AuthenticationNotSuccessful'],
    ],
  )
})

test('a stranger who tries every route gets a few entries, and the rest is counted', async (t) => {
  const { ask, entries, clock } = await openDoor(t)
  const lines = Object.values(routes).filter(({ scope }) => scope !== 'public')
  for (const { method, path } of lines) {
    const asked = await ask(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'x'), { token: 'guessed' })
    assert.equal(asked.status, 401)
  }
  assert.equal((await entries('admin.refused')).length, minuteQuotaPerGroupMax)
  clock.pass(60_000)
  const last = (await entries('admin.refused')).at(-1)
  const left = lines.length - minuteQuotaPerGroupMax
  assert.deepEqual(last?.detail, {
    why: 'left out',
    askers: 'unknown',
    refusals: left,
    subnets: 1,
    most: `127.0.0.1: ${left}`,
  })
})

test('what is left out of the refusals of a token is said to be denied', async (t) => {
  const { ask, token, entries, clock, red } = await openDoor(t)
  const viewer = await token('viewer', red)
  const lines = Object.values(routes).filter(({ role, scope }) => role === 'manager' && scope === 'server')
  for (const { method, path } of lines)
    await ask(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'x'), { token: viewer })
  clock.pass(60_000)
  const last = (await entries('admin.refused')).at(-1)
  assert.equal(last?.detail?.['refusals'], lines.length - minuteQuotaPerGroupMax)
  assert.deepEqual([last.detail['askers'], last.reason], ['known', 'PermissionDenied'])
})

test('wrong answers to the challenges of a root key are entered', async (t) => {
  const { ask, token, entries } = await openDoor(t)
  const wrong = { id: '5b1f6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e', answer: '00'.repeat(32) }
  assert.equal((await ask('POST', '/api/v1/token-recovery', { body: wrong })).status, 403)
  const [recovery] = await entries('admin.refused')
  assert.deepEqual([recovery?.detail?.['route'], recovery?.actor.address], ['recoverToken', '127.0.0.1'])
  const manager = await token('manager')
  const copy = await ask('POST', '/api/v1/root-key-copies', { token: manager, body: { challenge: wrong } })
  assert.equal(copy.status, 422, copy.text)
  const [tried] = await entries('root-key.verify-copy')
  assert.deepEqual([tried?.result, tried?.actor.kind], ['refused', 'token'])
})

test('the download of a backup is entered before its first byte', async (t) => {
  const { ask, token, entries, context } = await openDoor(t)
  const { id } = await context.backups.create(serverActor, [])
  const manager = await token('manager')
  assert.equal((await ask('GET', `/api/v1/backups/${id}/content`, { token: manager })).status, 200)
  const found = await entries('backup.read')
  assert.deepEqual(
    found.map(({ object, actor, result }) => [object, actor.kind, result]),
    [[id, 'token', 'success']],
  )
})
