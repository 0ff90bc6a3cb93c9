// An instance with the custody keyprotect is shredded: its root key wraps the keys themselves, so that nothing is lost
// until their standard keys are deleted at the service. What the receipt claims, and what is told until it is so. The
// real server, its command line and the Key Protect fake.

import assert from 'node:assert/strict'
import { after, afterEach, test } from 'node:test'
import { shredWaitMs } from '../../src/core/instances/instance-changes.ts'
import { rootKeyCallTimeoutMs } from '../../src/outside/rootkey/bounds.ts'
import { openSite, type CustodySite } from '../support/root-keys/custody.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { metricIn, metricsText } from '../support/server/metrics.ts'
import { until } from '../support/time/until.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
afterEach(() => fake.calm())

interface Receipt {
  readonly receipt: {
    readonly standardKeys: number
    readonly standardKeysLeft: {
      readonly count: number
      readonly rootKeys: readonly string[]
      readonly cause: string | null
    }
  }
}

const shred = ['instance', 'delete', 'vmware', '--shred', 'vmware'] as const

/** A site with three keys. */
async function filled(): Promise<CustodySite> {
  const site = await openSite(fake, { custody: 'keyprotect' })
  const talk = await site.talk()
  for (let key = 0; key < 3; key++) await talk.create()
  talk.close()
  return site
}

async function leftOf({ server }: CustodySite): Promise<readonly string[]> {
  const { conditions } = (await server.json('status')) as {
    readonly conditions: readonly { readonly id: string; readonly message: string }[]
  }
  return conditions.filter(({ id }) => id === 'standard-keys-left').map(({ message }) => message)
}

async function leftIn(site: CustodySite): Promise<readonly string[]> {
  return ((await site.health()) as { readonly standardKeysLeft: readonly string[] }).standardKeysLeft
}

const metric = async ({ server }: CustodySite, series: string) => metricIn(await metricsText(server), series)

/** Standard keys of this instance that are not deleted. */
async function live({ instanceId }: CustodySite): Promise<number> {
  const keys = await fake.control<readonly { description?: string; state: number }[]>('GET', 'keys')
  const isKey = (text: string) => text.startsWith('mortise 2 key') && text.includes(instanceId)
  return keys.filter(({ description = '', state }) => isKey(description) && state !== 5).length
}

test('the service answers: the receipt says that all standard keys are deleted, and they are', async () => {
  await using site = await filled()
  assert.equal(await live(site), 3)
  const { stdout: said } = await site.server.cli(...shred)
  assert.equal(await live(site), 0)
  assert.match(said, /^The instance vmware is shredded\.$/m)
  assert.match(said, /^Standard keys deleted: +3 of 3$/m)
  assert.match(said, /^Objects that no longer open: +3 PreActive$/m)
  assert.match(said, /30 days .* a Manager there can restore the standard keys.*purging/)
  assert.match(said, new RegExp(`^A marker \\(mortise-marker-${site.instanceId}\\) stays there`, 'm'))
  assert.doesNotMatch(said, /still at the service/)
  assert.deepEqual([await leftOf(site), await leftIn(site)], [[], []])
  assert.doesNotMatch(site.server.stderr(), /standard keys that are to be deleted are left/)
  const { stdout: back } = await site.server.cli(
    'restore',
    '--from-key-protect',
    '--root-key',
    fake.uri(site.rootKey),
  )
  assert.match(back, /^It was deleted at .*, and its standard keys with it\./m)
})

test('the service cannot be reached: the receipt claims nothing, and status, health and metric tell at once, also after a restart', async () => {
  await using site = await filled()
  await fake.control('POST', 'listeners', { keyProtect: 'down' })
  const { stdout: said } = await site.server.cli(...shred)
  assert.match(said, /^The instance vmware is gone, and not all of it is shredded yet\.$/m)
  assert.match(said, /^Standard keys deleted: +0 of 3$/m)
  assert.match(said, /^Standard keys left: +beside keyprotect:\S+$/m)
  assert.match(said, /^Objects given up: +3 PreActive$/m)
  assert.match(said, /^3 standard keys are still at the service: Key Protect at \S+ cannot be reached: /m)
  assert.match(said, /every user of the root key can open.*restore.*mortise status tells.*30 days/s)
  const uri = fake.uri(site.rootKey)
  const isTold = async () => {
    const [message = '', ...more] = await leftOf(site)
    assert.deepEqual(more, [])
    const who = `3 standard keys of the instance ${site.instanceId}, which is gone, wait to be deleted since `
    assert.ok(message.startsWith(who), message)
    assert.ok(message.includes(`, beside ${uri}: `), message)
    assert.deepEqual(await leftIn(site), [site.instanceId])
    assert.equal(await metric(site, 'mortise_standard_keys_left'), 3)
    return message
  }
  assert.match(await isTold(), /cannot be reached/)
  await site.restart()
  await isTold()
  await until(async () => /cannot be reached/.test(await isTold()))
  assert.equal(await live(site), 3)
  await fake.control('POST', 'listeners', { keyProtect: 'up' })
  await site.restart()
  await until(async () => (await live(site)) === 0)
  await until(async () => (await leftOf(site)).length === 0)
  assert.deepEqual(await leftIn(site), [])
})

test('a silent service is waited for some seconds; a role that is missing is told with the receipt', async () => {
  await using silent = await filled()
  await fake.fault({ on: 'delete', kind: 'hang', times: null })
  const began = performance.now()
  const { receipt } = (await silent.server.json(...shred)) as Receipt
  const took = performance.now() - began
  assert.ok(took >= shredWaitMs && took < rootKeyCallTimeoutMs, `${took} ms`)
  const { count, rootKeys, cause } = receipt.standardKeysLeft
  assert.deepEqual([receipt.standardKeys, count, rootKeys, cause], [3, 3, [fake.uri(silent.rootKey)], null])
  assert.match((await leftOf(silent))[0] ?? '', /^3 standard keys .* no answer yet$/)
  await fake.calm()
  await using site = await filled()
  const policies = [{ instance: fake.about.instance, roles: ['Writer'] }]
  await fake.control('PUT', `service-ids/${site.serviceId}/policies`, { policies })
  const refused = (await site.server.json(...shred)) as Receipt
  assert.match(refused.receipt.standardKeysLeft.cause ?? '', /role Manager/)
  assert.match((await leftOf(site))[0] ?? '', /role Manager/)
})
