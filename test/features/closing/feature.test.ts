// An instance and the server are closed at once, through the mTLS listener and the admin door: no operation uses a key, administrators go on,
// and whatever was closed opens again as it was.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handled } from '../../../src/core/operations/handlers.ts'
import { closingRoutes } from '../../../src/features/closing/routes.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'
import { keyRoutes } from '../../../src/features/keys/routes.ts'
import { statusRoutes } from '../../../src/features/status/routes.ts'
import type { Asked, KmipSession } from '../../support/clients/kmip-session.ts'
import { sampleRequests, sampleVersion } from '../../support/clients/sample-requests.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { TwoPersons } from '../../support/server/two-persons.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

const reason = 'a host was stolen'
const close = (instance = 'default') =>
  server.admin.call(closingRoutes.closeInstance, { instance, body: { reason } })
const open = (instance = 'default') => server.admin.call(closingRoutes.openInstance, { instance })
const conditions = async () =>
  (await server.admin.call(statusRoutes.status, {})).conditions.map(({ id }) => id)

test('a closed instance: every operation with a key is Permission Denied, and no other; then it is as it was', async () => {
  const UniqueIdentifier = await session.key('1.4')
  const before = await session.ask('1.4', 'Get', { UniqueIdentifier })
  const closed = await close()
  assert.deepEqual([closed.name, closed.closed.reason], ['default', reason])
  const names = Object.keys(sampleRequests) as (keyof typeof sampleRequests)[]
  const refused = names.filter((name) => handled(name)?.action != null)
  assert.ok(refused.length > 40)
  for (const name of refused) {
    const request = sampleRequests[name]({ UniqueIdentifier, word: 'closed' })
    const version = sampleVersion(name)
    const item = await session.one(version, { operation: name, request } as unknown as Asked)
    assert.equal(item.status, 'OperationFailed', name)
    assert.equal(item.reason, 'PermissionDenied', `${name}: ${String(item.message)}`)
    assert.match(item.message ?? '', /an administrator closed this instance/)
    assert.doesNotMatch(item.message ?? '', /stolen/, 'no client is told why')
  }
  assert.equal(await session.refused('1.4', 'Get', { UniqueIdentifier: 'none' }), 'PermissionDenied')
  await session.ask('1.4', 'DiscoverVersions', { ProtocolVersion: [] })
  await session.ask('1.4', 'Query', { QueryFunction: ['QueryOperations'] })
  assert.ok((await conditions()).includes('instance-closed'))

  // Administrators go on, except with what would use or make a key.
  const key = { instance: 'default', key: UniqueIdentifier }
  assert.equal((await server.admin.call(keyRoutes.showKey, key)).state, 'PreActive')
  await assert.rejects(
    server.admin.call(keyRoutes.createKey, { instance: 'default', body: {} }),
    /an administrator closed this instance/,
  )
  await server.admin.call(keyRoutes.activateKey, key)

  await open()
  assert.deepEqual(await session.ask('1.4', 'Get', { UniqueIdentifier }), before)
  assert.ok(!(await conditions()).includes('instance-closed'))
  assert.equal((await open()).name, 'default', 'it is open already')
})

test('the server: all instances, and one that is made meanwhile; one that was closed by itself stays so', async () => {
  const UniqueIdentifier = await session.key('1.4')
  const make = (name: string) => server.admin.call(instanceRoutes.createInstance, { body: { name } })
  await make('branch')
  await close('branch')
  await server.admin.call(closingRoutes.closeServer, { body: { reason: 'intrusion' } })
  assert.equal(await session.refused('1.4', 'Get', { UniqueIdentifier }), 'PermissionDenied')
  const made = await make('meanwhile')
  assert.deepEqual([made.closed?.withServer, made.closed?.reason], [true, 'intrusion'])
  assert.ok((await conditions()).includes('server-closed'))
  const others = (await conditions()).filter((id) => id === 'not-ready' || id === 'no-key-handed-out')
  assert.deepEqual(others, [], 'one condition says it')
  await assert.rejects(open('meanwhile'), /closed with the server.*\n?.*/)
  const { stillClosed } = await server.admin.call(closingRoutes.openServer)
  assert.deepEqual(
    stillClosed.map(({ name }) => name),
    ['branch'],
  )
  await session.ask('1.4', 'Get', { UniqueIdentifier })
  assert.equal(
    (await server.admin.call(closingRoutes.openServer)).stillClosed.length,
    1,
    'it is open already',
  )
  const shown = await server.admin.call(instanceRoutes.showInstance, { instance: 'branch' })
  assert.deepEqual([shown.closed?.withServer, shown.closed?.reason], [false, reason])
  await open('branch')
})

test('a reason is asked for; who closes and opens stands in the audit', async () => {
  await assert.rejects(
    server.admin.call(closingRoutes.closeInstance, { instance: 'default', body: { reason: ' ' } }),
    /body\.reason/,
  )
})

test('one manager closes; opening may need a second one, who sees why it was closed', async (t) => {
  const all = await TwoPersons.open(t, { guards: ['instance open'] })
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  const of = await all.human('red', { instanceId: all.door.red.id })
  const operator = await all.human('olga', { role: 'operator' })
  assert.equal((await all.ask(operator, 'POST', '/instances/red/close', { reason })).status, 403)
  assert.equal((await all.ask(of, 'POST', '/server/close', { reason })).status, 403)
  assert.equal((await all.ask(of, 'POST', '/instances/red/close', { reason })).status, 200)
  const key = all.ask(alice, 'POST', '/instances/red/keys', {})
  assert.equal((await key).status, 422, (await key).text)
  const { approval } = await all.waits(alice, 'POST', '/instances/red/open')
  const facts = Object.fromEntries(approval.facts.map(({ name, value }) => [name, value]))
  assert.deepEqual(
    [facts['Instance that is opened'], facts['Closed by'], facts['Closed because']],
    ['red', 'red', reason],
  )
  assert.equal((await all.approve(bob, approval)).status, 200)
  assert.equal((await all.ask(alice, 'POST', '/instances/red/keys', {})).status, 201)
  const { entries } = await all.door.context.audit.list({
    order: 'oldest',
    limit: 100,
    object: all.door.red.id,
  })
  const acts = entries.map(({ body }) => JSON.parse(body) as { action: string; detail: unknown })
  assert.ok(acts.some(({ action }) => action === 'instance.close'))
  assert.ok(acts.some(({ action }) => action === 'instance.open'))

  // The server, by the same rule.
  const ready = async () => (await all.door.ask('GET', '/health/ready')).status
  assert.equal(await ready(), 200)
  assert.equal((await all.ask(of, 'POST', '/instances/red/close', { reason })).status, 200)
  assert.equal(await ready(), 200, 'an instance is no reason to send clients elsewhere')
  const single = await all.waits(alice, 'POST', '/instances/red/open')
  assert.equal((await all.approve(bob, single.approval)).status, 200)
  assert.equal((await all.ask(alice, 'POST', '/server/close', { reason: 'intrusion' })).status, 200)
  assert.equal(await ready(), 503)
  assert.equal((await all.door.ask('GET', '/health/live')).status, 200)
  const waits = await all.waits(bob, 'POST', '/server/open')
  assert.equal((await all.approve(alice, waits.approval)).status, 200)
  assert.equal(await ready(), 200)
  assert.equal((await all.ask(alice, 'POST', '/instances/red/keys', {})).status, 201)
})
