// What a refusal of Key Protect may cost, seen from outside: a refused Create is no withdrawn root key, a withdrawn root
// key is asked once every few seconds, a Get waits neither behind Creates that hang nor for a service that is silent.
// The real server in custody keyprotect, and the fake of Key Protect.

import assert from 'node:assert/strict'
import { after, afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSite, type CustodySite } from '../../support/root-keys/custody.ts'
import { KeyProtectFake } from '../../support/key-protect/fake.ts'
import { digestOf, type KmipTalk } from '../../support/clients/kmip-talk.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
afterEach(() => fake.calm())

/** What a busy machine may take on top. */
const slackMs = 3_000

/** By action, since thousands of refused Gets are entered as well. */
async function rootKeyEntries(site: CustodySite): Promise<readonly string[]> {
  const actions = ['root-key.unreachable', 'root-key.withdrawn', 'root-key.failing', 'root-key.answers']
  const entries = await Promise.all(actions.map((action) => site.audit('--action', action)))
  return entries.flat().map(({ action }) => action)
}

interface ShownCondition {
  readonly id: string
  readonly message: string
}

async function conditionsOf({ server }: CustodySite): Promise<readonly ShownCondition[]> {
  // The exit code is 1 while no key is served.
  const { stdout } = await server.cli('status', '--json')
  return (JSON.parse(stdout) as { conditions: readonly ShownCondition[] }).conditions
}

function setRoles(site: CustodySite, ...roles: string[]): Promise<unknown> {
  const policies = roles.length === 0 ? [] : [{ instance: fake.about.instance, roles }]
  return fake.control('PUT', `service-ids/${site.serviceId}/policies`, { policies })
}

/** Far more often than the root key's service may be asked, and not so often that it is all that this machine does. */
const pauseMs = 30

/** Asks for the key again and again; how often, until `until` is so. */
async function getUntil(talk: KmipTalk, id: string, until: (ok: boolean) => boolean | Promise<boolean>) {
  for (let gets = 1; ; gets++) {
    const { ok } = await talk.get(id)
    if (await until(ok)) return gets
    await sleep(pauseMs)
    assert.ok(gets < 100_000, 'it did not come to that')
  }
}

test('a Create that overlaps a withdrawal leaves nothing in memory and lifts nothing', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect', cacheSeconds: 2 })
  const talk = await site.talk()
  const known = await talk.create()
  // The key is wrapped before the withdrawal, and kept after it.
  await fake.fault({ on: 'create', kind: 'slow', ms: 6_000 })
  const maker = await site.talk()
  const making = maker.create()
  await getUntil(talk, known, async () => (await fake.calls('create')).some(({ fault }) => fault === 'slow'))
  await fake.admin('POST', `/keys/${site.rootKey}/actions/disable`)
  await getUntil(talk, known, (ok) => !ok)
  const made = await making
  const { ok, message } = await talk.get(made)
  assert.deepEqual(
    [ok, message],
    [false, 'the root key of this instance was withdrawn: mortise status on the key server says why'],
  )
  assert.deepEqual(await rootKeyEntries(site), ['root-key.withdrawn'])
  talk.close()
  maker.close()
})

for (const status of [401, 403] as const)
  test(`a missing role, answered ${status}: Creates are refused, and the root key counts as no less good`, async () => {
    await using site = await openSite(fake, { custody: 'keyprotect' })
    await fake.control('POST', 'roles', { missing: status })
    const talk = await site.talk()
    const ids: string[] = []
    for (let made = 0; made < 5; made++) ids.push(await talk.create())
    await setRoles(site, 'ReaderPlus')
    await fake.forgetCalls()
    for (let turn = 0; turn < 20; turn++) {
      await assert.rejects(talk.create(), /the service of the root key refuses to keep another key/)
      assert.ok((await talk.get(ids[turn % 5] ?? '')).ok)
    }
    assert.ok((await fake.calls('unwrap')).length <= 3, 'one question every few seconds')
    assert.ok((await fake.calls('token')).length <= 2)
    assert.match(
      (await conditionsOf(site)).find(({ id }) => id === 'new-keys-refused')?.message ?? '',
      /service role Writer/,
    )
    // Nothing was emptied: an outage is survived.
    await fake.control('POST', 'listeners', { keyProtect: 'down' })
    for (const id of ids) assert.ok((await talk.get(id)).ok)
    await fake.control('POST', 'listeners', { keyProtect: 'up' })
    await setRoles(site, 'Manager')
    await talk.create()
    assert.ok((await conditionsOf(site)).every(({ id }) => id !== 'new-keys-refused'))
    assert.deepEqual(await rootKeyEntries(site), [])
    talk.close()
  })

test('keys may not be read any more: those in memory are served, the status holds until one is read', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const first = await site.talk()
  const [known, unknown] = [await first.create(), await first.create()]
  const digest = digestOf(await first.get(unknown))
  first.close()
  await site.restart()
  const talk = await site.talk()
  assert.ok((await talk.get(known)).ok)
  await setRoles(site, 'Reader')
  for (let turn = 0; turn < 10; turn++) {
    assert.ok((await talk.get(known)).ok)
    const { ok, message } = await talk.get(unknown)
    assert.deepEqual([ok, /lacks a role there/.test(message ?? '')], [false, true], message)
    const warning = (await conditionsOf(site)).find(({ id }) => id === 'reads-refused')
    assert.match(warning?.message ?? '', /service role ReaderPlus/)
  }
  await setRoles(site, 'Manager')
  assert.equal(digestOf(await talk.get(unknown)), digest)
  assert.ok((await conditionsOf(site)).every(({ id }) => id !== 'reads-refused'))
  assert.deepEqual(await rootKeyEntries(site), [])
  talk.close()
})

interface Withdrawal {
  readonly name: string
  readonly take: (site: CustodySite) => Promise<unknown>
  readonly giveBack: (site: CustodySite) => Promise<unknown>
}

const withdrawals: readonly Withdrawal[] = [
  {
    name: 'the root key is disabled',
    take: ({ rootKey }) => fake.admin('POST', `/keys/${rootKey}/actions/disable`),
    giveBack: async ({ rootKey }) => {
      await fake.advance(31)
      await fake.admin('POST', `/keys/${rootKey}/actions/enable`)
    },
  },
  {
    name: 'the service ID has no access any more (401)',
    take: async (site) => {
      await fake.control('POST', 'roles', { missing: 401 })
      await setRoles(site)
    },
    giveBack: (site) => setRoles(site, 'Manager'),
  },
  {
    name: 'the API key is deleted, and the tokens end',
    take: async ({ serviceId }) => {
      await fake.control('DELETE', `service-ids/${serviceId}/api-key`)
      await fake.control('DELETE', 'tokens')
      // The administrator's too.
      await fake.advance(0)
    },
    giveBack: (site) => site.renewApiKey(),
  },
]

for (const { name, take, giveBack } of withdrawals)
  test(`${name}: one question every five seconds, however many ask, and served again soon`, async (t) => {
    await using site = await openSite(fake, { custody: 'keyprotect', cacheSeconds: 1 })
    const talks = await Promise.all(Array.from({ length: 8 }, () => site.talk()))
    const [talk] = talks
    assert.ok(talk)
    const id = await talk.create()
    await take(site)
    await getUntil(talk, id, (ok) => !ok)
    await fake.forgetCalls()
    const began = performance.now()
    const passed = () => performance.now() - began
    const gets = await Promise.all(talks.map((one) => getUntil(one, id, () => passed() > 11_000)))
    const calls = await fake.calls()
    const asked = calls.filter(({ call }) => call !== 'token')
    const tokens = calls.length - asked.length
    const asks = gets.reduce((a, b) => a + b)
    t.diagnostic(`${asks} Gets, ${asked.length} calls, ${tokens} tokens`)
    // A question, and with a fresh token once more.
    assert.ok(asked.length <= 8, asked.map(({ call }) => call).join(' '))
    assert.ok(tokens <= 3, `${tokens}`)
    assert.ok(asks > 10 * calls.length, 'and many asked')
    await giveBack(site)
    const back = performance.now()
    await getUntil(talk, id, (ok) => ok || performance.now() - back > 5_000 + slackMs)
    assert.ok((await talk.get(id)).ok)
    assert.deepEqual(await rootKeyEntries(site), ['root-key.withdrawn', 'root-key.answers'])
    for (const one of talks) one.close()
  })

test('eighty Creates hang: a Get of a key that is not in memory does not wait for them, and status says so', async (t) => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const maker = await site.talk()
  const ids = [await maker.create(), await maker.create(), await maker.create()]
  maker.close()
  await site.restart()
  await fake.fault({ on: 'create', kind: 'hang', times: null })
  const talks = await Promise.all(Array.from({ length: 80 }, () => site.talk()))
  const creates = Promise.allSettled(talks.map((one) => one.create()))
  const talk = await site.talk()
  await getUntil(talk, ids[0] ?? '', async () => (await fake.calls('create')).length >= 12)
  const waits: number[] = []
  for (const id of ids) {
    const began = performance.now()
    assert.ok((await talk.get(id)).ok)
    waits.push(Math.round(performance.now() - began))
  }
  t.diagnostic(`Gets took ${waits.join(', ')} ms`)
  assert.ok(Math.max(...waits) < 5_000)
  const slow = async () => (await conditionsOf(site)).find(({ id }) => id === 'root-key-slow')?.message
  let said: string | undefined
  while ((said = await slow()) === undefined) {
    assert.ok((await talk.get(ids[0] ?? '')).ok)
    await sleep(pauseMs)
  }
  assert.match(said, /^calls that create, .* for the instance vmware hang at \S+: 12 run and \d+ wait/)
  for (const one of [...talks, talk]) one.close()
  await creates
})

test('silent: a Get that cannot be served is refused within five seconds', async (t) => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const maker = await site.talk()
  const ids = [await maker.create(), await maker.create()]
  maker.close()
  await site.restart()
  await fake.fault({ on: '*', kind: 'hang', times: null })
  const talks = await Promise.all(ids.map(() => site.talk()))
  const waits = await Promise.all(
    talks.map(async (talk, index) => {
      const began = performance.now()
      const { message } = await talk.get(ids[index] ?? '')
      assert.equal(
        message,
        'the root key of this instance cannot be reached at the moment: mortise status on the key server says why',
      )
      return Math.round(performance.now() - began)
    }),
  )
  t.diagnostic(`refused after ${waits.join(' and ')} ms`)
  assert.ok(Math.max(...waits) < 5_000 + slackMs)
  for (const talk of talks) talk.close()
})
