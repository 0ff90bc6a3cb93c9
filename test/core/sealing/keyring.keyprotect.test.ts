// Custody `database` under a root key in Key Protect, with the real client and the fake: how often the service is
// asked, what happens while it is away, when the root key is withdrawn and when it is rotated; and the whole server
// configured as an administrator does it.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, afterEach, test, type TestContext } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { KeysUnavailable } from '../../../src/core/sealing/unwrap-cache.ts'
import type { RootKeyReach } from '../../../src/core/ports/root-key.ts'
import { openRootKey } from '../../../src/outside/rootkey/open.ts'
import { KeyProtectFake } from '../../support/key-protect/fake.ts'
import { sideOf } from '../../support/key-protect/mortise.ts'
import { startEmbedded } from '../../support/server/server.ts'
import { createKey, openCore, trustClient } from '../../support/server/core.ts'
import { until } from '../../support/time/until.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
afterEach(() => fake.calm())
const apiKey = readFileSync(fake.about.apiKeyFile, 'utf8').trim()

/** An instance under a root key of its own, with three keys made by a client, at second 0. */
async function begin(t: TestContext) {
  const id = await fake.rootKey()
  const side = sideOf(fake, apiKey)
  t.after(() => side.sessions.close())
  const rootKey = await openRootKey(fake.uri(id), side.options)
  const core = await openCore(t, { rootKeys: [rootKey] })
  const instance = await core.trust.instances.create(serverActor, {
    name: 'vmware',
    custody: 'database',
    rootKeyUri: rootKey.uri,
    cacheSeconds: 300,
    outageSeconds: 3600,
  })
  const { identify } = await trustClient(core, instance)
  for (let index = 0; index < 3; index++) await core.keys.perform(identify, createKey())
  const use = () => core.keyring.current(instance)
  let seconds = 0
  const at = (second: number) => {
    core.clock.pass((second - seconds) * 1000)
    seconds = second
  }
  await fake.forgetCalls()
  return { ...core, id, instance, at, use, side }
}

const reach = (expected: RootKeyReach) => (error: unknown) =>
  error instanceof KeysUnavailable && error.reach === expected

async function unwraps(): Promise<number> {
  return (await fake.calls('unwrap')).length
}

test('one unwrap for each cacheSeconds, however many keys are used', async (t) => {
  const { at, use } = await begin(t)
  for (let index = 0; index < 50; index++) await use()
  assert.equal(await unwraps(), 0, 'asked for when the first key was made')
  at(241)
  for (let index = 0; index < 50; index++) await use()
  await until(async () => (await unwraps()) === 1)
  at(241 + 239)
  await use()
  assert.equal(await unwraps(), 1)
})

test('away: served from memory until cache and outage are over, then not; and again by itself', async (t) => {
  const { at, use, events } = await begin(t)
  await fake.control('POST', 'listeners', { keyProtect: 'down' })
  at(301)
  await use()
  assert.deepEqual(events, ['unreachable'])
  at(3_899)
  await use()
  at(3_901)
  await assert.rejects(use(), reach('unreachable'))
  await fake.calm()
  await use()
  assert.deepEqual(events, ['unreachable', 'answers'])
})

test('withdrawn: a disabled root key closes the instance within cacheSeconds, enabling it opens it again', async (t) => {
  const { at, use, events, id } = await begin(t)
  await fake.admin('POST', `/keys/${id}/actions/disable`)
  at(239)
  await use()
  at(241)
  await use()
  await until(() => events.includes('withdrawn'))
  await assert.rejects(use(), reach('root-key'))
  await fake.control('POST', 'listeners', { keyProtect: 'down' })
  at(246)
  await assert.rejects(use(), reach('unreachable'), 'there is no outage mode for what was withdrawn')
  await fake.calm()
  await fake.advance(30)
  await fake.admin('POST', `/keys/${id}/actions/enable`)
  at(251)
  await use()
})

test('the service ID loses its role: the same, and the reason names it', async (t) => {
  const serviceId = await fake.serviceId({ roles: ['Reader'] })
  const side = sideOf(fake, serviceId.apiKey)
  t.after(() => side.sessions.close())
  const rootKey = await openRootKey(fake.uri(await fake.rootKey()), side.options)
  const core = await openCore(t, { rootKeys: [rootKey] })
  const settings = { name: 'vmware', custody: 'database', rootKeyUri: rootKey.uri } as const
  const instance = await core.trust.instances.create(serverActor, settings)
  await core.keyring.current(instance)
  await fake.control('PUT', `service-ids/${serviceId.id}/policies`, { policies: [] })
  core.clock.pass(300_000)
  await assert.rejects(core.keyring.current(instance), (error: unknown) => {
    assert.ok(error instanceof KeysUnavailable && error.cause instanceof Error)
    assert.match(error.cause.message, /service role Reader/)
    return error.reach === 'root-key'
  })
})

test('rotated: what was sealed before still opens', async (t) => {
  const { at, use, id, side } = await begin(t)
  await fake.admin('POST', `/keys/${id}/actions/rotate`)
  at(300)
  await use()
  assert.equal(side.made.at(-1)?.status, 200)
  assert.equal(await unwraps(), 1)
})

test('the whole server: its own secrets and an instance under Key Protect, by alias, over a restart', async (t) => {
  await fake.rootKey({ aliases: ['own'] })
  const id = await fake.rootKey({ aliases: ['tenant'] })
  const env = {
    MORTISE_IBM_API_KEY_FILE: fake.about.apiKeyFile,
    MORTISE_IBM_IAM_URL: fake.about.iamUrl,
    MORTISE_IBM_CA_FILE: fake.about.caFile,
    MORTISE_ROOT_KEY: fake.uri('own'),
  }
  await using server = await startEmbedded({ env })
  const create = (name: string, key: string) =>
    server.cli('instance', 'create', name, '--root-key', fake.uri(key), '--custody', 'database', '--json')
  const made = await create('tenant', 'tenant')
  assert.equal(made.code, 0, made.stderr)
  assert.equal((JSON.parse(made.stdout) as { rootKey: string }).rootKey, fake.uri(id), 'by id')
  await server.json('key', 'create', '--instance', 'tenant')
  const standard = await fake.rootKey({ extractable: true })
  const refused = await create('other', standard)
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /is a standard key/)
  const instance = fake.uri('')
  const listed = await server.json('root-key', 'list', '--root-key', instance)
  assert.ok((listed as { uri: string }[]).some(({ uri }) => uri === fake.uri(id)))
  const table = await server.cli('root-key', 'list', '--root-key', instance)
  assert.match(table.stdout, /^NAME +STATE +RING/)
  assert.ok(table.stdout.includes(fake.uri(id)))
  const alone = await server.cli('root-key', 'list', '--root-key', 'file:root.key')
  assert.deepEqual([alone.code, /Lists are of/.test(alone.stderr)], [1, true])
  assert.equal(await server.stop(), 0)
  await using again = await startEmbedded({ env, data: server.data })
  await again.json('key', 'create', '--instance', 'tenant')
  t.diagnostic(`${(await fake.calls()).length} calls in all`)
})
