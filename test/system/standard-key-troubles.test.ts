// A service ID that may too little: new keys are refused, or destroyed ones cannot be deleted. Status, health, metrics
// and the log say so, with the role that is missing, from the first refusal until it is otherwise, the log once for each
// change. The real server and the Key Protect fake; how long an outage may last is tried with the clock.

import assert from 'node:assert/strict'
import { after, afterEach, test } from 'node:test'
import type { StandardKeyRecord } from '../../src/core/ports/secrets.ts'
import { RootKeyError } from '../../src/core/ports/root-key.ts'
import { StandardKeyTroubles } from '../../src/core/sealing/standard-key-troubles.ts'
import { standardKeyLeftAfterMs } from '../../src/core/sealing/standard-key-troubles.ts'
import { openSite, type CustodySite } from '../support/root-keys/custody.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { metricIn, metricsText } from '../support/server/metrics.ts'
import { until } from '../support/time/until.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
afterEach(() => fake.calm())

interface Status {
  readonly instances: readonly { readonly name: string; readonly rootKey: string }[]
  readonly conditions: readonly { readonly id: string; readonly message: string; readonly action: string }[]
}

interface Health {
  readonly ready: boolean
  readonly degraded: readonly string[]
  readonly newKeysRefused: readonly string[]
  readonly standardKeysLeft: readonly string[]
  readonly closingsUnrecorded: readonly string[]
}

async function conditionsOf({ server }: CustodySite, id: string) {
  const { conditions } = (await server.json('status')) as Status
  return conditions.filter((condition) => condition.id === id)
}

async function healthOf(site: CustodySite): Promise<Health> {
  return (await site.health()) as Health
}

const metric = async ({ server }: CustodySite, series: string) => metricIn(await metricsText(server), series)

function grant({ serviceId }: CustodySite, role: string): Promise<unknown> {
  const policies = [{ instance: fake.about.instance, roles: [role] }]
  return fake.control('PUT', `service-ids/${serviceId}/policies`, { policies })
}

function told({ server }: CustodySite, message: RegExp): readonly string[] {
  return server
    .stderr()
    .split('\n')
    .filter((line) => message.test(line))
}

test('new keys are refused: told with the role until one is made', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const talk = await site.talk()
  await talk.create()
  await grant(site, 'ReaderPlus')
  await assert.rejects(talk.create(), /refuses to keep another key/)
  await assert.rejects(talk.create(), /refuses to keep another key/)
  const [condition, ...more] = await conditionsOf(site, 'new-keys-refused')
  assert.deepEqual(more, [])
  assert.match(
    condition?.message ?? '',
    /^new keys of the instance vmware are refused since 20\S+Z: Key Protect at \S+ refuses: .* may not make standard keys\. It needs the service role Writer/,
  )
  assert.match(condition?.action ?? '', /Manager/)
  const { ready, degraded, newKeysRefused } = await healthOf(site)
  assert.deepEqual([ready, degraded, newKeysRefused], [true, [], [site.instanceId]])
  const lines = told(site, /new keys of an instance are refused/)
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /role Writer/)
  assert.doesNotMatch(lines[0] ?? '', /stack/)
  await grant(site, 'Manager')
  await talk.create()
  assert.deepEqual(await conditionsOf(site, 'new-keys-refused'), [])
  assert.deepEqual((await healthOf(site)).newKeysRefused, [])
  assert.equal(told(site, /new keys of an instance are kept again/).length, 1)
  talk.close()
})

/** A root key that expires when the fake's clock is moved by `expire`. */
async function expiring() {
  const { now } = await fake.control<{ now: string }>('GET', 'state')
  const rootKey = { expirationDate: new Date(Date.parse(now) + 600_000).toISOString() }
  return { rootKey, expire: () => fake.advance(601) }
}

test('a root key that has expired seals no new keys, and that is all: keys are served from memory, revoked and destroyed', async () => {
  const { rootKey, expire } = await expiring()
  await using site = await openSite(fake, { custody: 'keyprotect', rootKey })
  const talk = await site.talk()
  const [a, b] = [await talk.create(), await talk.create()]
  await talk.get(a)
  await expire()
  await fake.forgetCalls()
  for (let turn = 0; turn < 3; turn++) {
    await assert.rejects(talk.create(), /refuses to keep another key/)
    assert.equal((await talk.get(a)).ok && (await talk.get(b)).ok, true)
  }
  assert.equal((await fake.calls('unwrap')).length, 0)
  const [condition, ...more] = await conditionsOf(site, 'new-keys-refused')
  assert.deepEqual(more, [])
  assert.match(
    condition?.message ?? '',
    /^new keys of the instance vmware are refused since \S+: .* the root key \S+ expired at 20\S+Z and seals nothing any more\. What it sealed still opens.*mortise instance set-root-key/,
  )
  const health = await healthOf(site)
  assert.deepEqual([health.degraded, health.newKeysRefused], [[], [site.instanceId]])
  assert.equal(await metric(site, 'mortise_new_keys_refused'), 1)
  assert.equal((await talk.destroy(a)).ok, true)
  await until(async () => (await live(a)) === 0)
  assert.deepEqual((await healthOf(site)).newKeysRefused, [site.instanceId])
  assert.equal(told(site, /new keys of an instance are refused/).length, 1)
  assert.equal(told(site, /new keys of an instance are kept again/).length, 0)
  assert.deepEqual(
    (await site.audit()).filter(({ action }) => action.startsWith('root-key.')),
    [],
  )
  await site.restart()
  const again = await site.talk()
  assert.equal((await again.get(b)).ok, true)
  again.close()
  talk.close()
  const other = fake.uri(await fake.rootKey())
  await site.server.json('instance', 'set-root-key', 'vmware', '--root-key', other, '--custody', 'keyprotect')
  const later = await site.talk()
  await later.create()
  assert.equal((await later.get(b)).ok, true)
  later.close()
  assert.deepEqual((await healthOf(site)).newKeysRefused, [])
})

test('custody database: a root key that has expired goes on opening the data key, and new keys are made', async () => {
  const { rootKey, expire } = await expiring()
  await using site = await openSite(fake, { custody: 'database', rootKey })
  const talk = await site.talk()
  const before = await talk.create()
  await expire()
  await site.restart()
  const again = await site.talk()
  for (const key of [before, await again.create()]) assert.equal((await again.get(key)).ok, true)
  again.close()
  talk.close()
  const { conditions } = (await site.server.json('status')) as Status
  assert.deepEqual(
    conditions.filter(({ id }) => /^(new-keys-refused|root-key-(unreachable|withdrawn|failing))$/.test(id)),
    [],
  )
})

test('a revocation that cannot be recorded is told until it is, also after a restart', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const talk = await site.talk()
  const key = await talk.create()
  await talk.activate(key)
  await grant(site, 'ReaderPlus')
  assert.match((await talk.revoke(key)).message ?? '', /could not be recorded/)
  assert.equal(await talk.state(key), 3, 'it is revoked here')
  const [condition, ...more] = await conditionsOf(site, 'closings-unrecorded')
  assert.deepEqual(more, [])
  assert.match(
    condition?.message ?? '',
    /^revoked keys of the instance vmware are not recorded as revoked .* since 20\S+Z: .* may not make standard keys\. It needs the service role Writer/,
  )
  assert.deepEqual((await healthOf(site)).closingsUnrecorded, [site.instanceId])
  assert.equal(await metric(site, 'mortise_closings_unrecorded'), 1)
  assert.equal(told(site, /revoked keys are not recorded/).length, 1)
  talk.close()
  await site.restart()
  await until(async () => (await conditionsOf(site, 'closings-unrecorded')).length > 0)
  await grant(site, 'Manager')
  await site.restart()
  await until(async () => (await conditionsOf(site, 'closings-unrecorded')).length === 0)
  assert.deepEqual((await healthOf(site)).closingsUnrecorded, [])
})

test('destroyed keys cannot be deleted: counted until they are, also after a restart and when their instance is gone', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const talk = await site.talk()
  const [a, b] = [await talk.create(), await talk.create()]
  await grant(site, 'Writer')
  await talk.destroy(a)
  const [one, ...more] = await conditionsOf(site, 'standard-keys-left')
  assert.deepEqual(more, [])
  assert.match(
    one?.message ?? '',
    /^1 standard key of the instance vmware waits to be deleted since 20\S+Z, beside keyprotect:\S+: .* may not delete standard keys\. It needs the service role Manager/,
  )
  await talk.destroy(b)
  assert.match(
    (await conditionsOf(site, 'standard-keys-left'))[0]?.message ?? '',
    /^2 standard keys of the instance vmware wait/,
  )
  assert.deepEqual((await healthOf(site)).standardKeysLeft, [site.instanceId])
  assert.equal(await metric(site, 'mortise_standard_keys_left'), 2)
  const lines = told(site, /standard keys that are to be deleted are left/)
  assert.equal(lines.length, 1)
  assert.doesNotMatch(lines[0] ?? '', /stack/)
  talk.close()
  await site.server.json('instance', 'delete', 'vmware', '--shred', 'vmware')
  await site.restart()
  await until(async () => (await conditionsOf(site, 'standard-keys-left')).length > 0)
  const [gone] = await conditionsOf(site, 'standard-keys-left')
  assert.match(gone?.message ?? '', new RegExp(`of the instance ${site.instanceId}, which is gone, wait`))
  await grant(site, 'Manager')
  await site.restart()
  await until(async () => (await live(a)) + (await live(b)) === 0)
  await until(async () => (await conditionsOf(site, 'standard-keys-left')).length === 0)
})

async function live(identifier: string): Promise<number> {
  const keys = await fake.control<readonly { name: string; state: number }[]>('GET', 'keys')
  return keys.filter(({ name, state }) => name === `mortise-${identifier}` && state !== 5).length
}

function record(id: string): StandardKeyRecord {
  return { id, instanceId: 'i', rootKeyUri: 'test:one' } as StandardKeyRecord
}

test('a service that does not answer is told as keys that are left once it has not for some minutes', () => {
  let now = 1_000_000
  const events: string[] = []
  const troubles = new StandardKeyTroubles(
    { now: () => now },
    {
      standardKeysRefused: ({ what, left }) => events.push(`${what} ${left}`),
      standardKeysAccepted: ({ what }) => events.push(`${what} ended`),
    },
  )
  const silent = new RootKeyError('unreachable', 'no answer')
  troubles.left(record('1'), silent)
  now += standardKeyLeftAfterMs - 1
  troubles.left(record('1'), silent)
  assert.deepEqual([troubles.now, events], [[], []])
  now += 1
  troubles.left(record('2'), silent)
  assert.deepEqual(troubles.now, [
    {
      instanceId: 'i',
      what: 'delete',
      sinceMs: 1_000_000,
      left: 2,
      rootKeyUris: ['test:one'],
      cause: 'no answer',
    },
  ])
  troubles.gone(record('1'))
  assert.equal(troubles.now[0]?.left, 1)
  troubles.gone(record('2'))
  assert.deepEqual([troubles.now, events.splice(0)], [[], ['delete 2', 'delete ended']])
  // The next one is of an instance that is gone; the log hears of it when something is in the way.
  troubles.owed(record('3'))
  assert.deepEqual([troubles.now.map(({ left, cause }) => [left, cause]), events], [[[1, null]], []])
  troubles.left(record('3'), silent)
  assert.deepEqual([troubles.now[0]?.cause, events.splice(0)], ['no answer', ['delete 1']])
  troubles.gone(record('3'))
  assert.deepEqual([troubles.now, events], [[], ['delete ended']])
  // A root key that refuses is the trouble of the root key itself.
  troubles.notMade('i', silent)
  troubles.notMade('i', new RootKeyError('root-key', 'no'))
  assert.deepEqual(troubles.now, [])
})
