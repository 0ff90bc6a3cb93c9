// Key Protect out of reach, in both custodies, with the real server and the fake: served from memory and then not,
// new keys made or refused as the custody allows, told in readiness, metrics and audit, and well again by itself.

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { custodies, openSite, type CustodySite } from '../../support/root-keys/custody.ts'
import { KeyProtectFake } from '../../support/key-protect/fake.ts'
import { digestOf } from '../../support/clients/kmip-talk.ts'
import { metricIn, metricsText } from '../../support/server/metrics.ts'
import { until } from '../../support/time/until.ts'

const metric = async ({ server }: CustodySite, series: string) => metricIn(await metricsText(server), series)

interface Health {
  readonly ready: boolean
  readonly degraded: readonly string[]
  readonly unreachable: readonly string[]
}

// Side by side: half a minute passes before a look at the root keys.
suite('Key Protect is away', { concurrency: true }, () => {
  for (const custody of custodies)
    test(`custody ${custody}`, async (t) => {
      const fake = await KeyProtectFake.start()
      t.after(() => fake.stop())
      await using site = await openSite(fake, { custody, cacheSeconds: 1, outageSeconds: 4 })
      const talk = await site.talk()
      const identifier = await talk.create()
      const digest = digestOf(await talk.get(identifier))
      const health = async () => (await site.health()) as Health

      await fake.control('POST', 'listeners', { keyProtect: 'down', iam: 'down' })
      const away = performance.now()
      const secondsAway = () => (performance.now() - away) / 1000
      await until(async () => {
        await talk.get(identifier)
        return (await health()).unreachable.length > 0
      }, 'it is noticed')
      const inTime = secondsAway() < 4
      if (inTime) {
        const got = await talk.get(identifier)
        // A busy machine may have come here too late.
        if (secondsAway() < 5) assert.equal(digestOf(got), digest, got.message)
        const made = await talk.create().catch((error: unknown) => String(error))
        if (custody === 'keyprotect') assert.match(made, /the root key of this instance cannot be reached/)
        else if (secondsAway() < 5) assert.match(made, /^[0-9a-f-]{36}$/, 'made under the data key in memory')
      }
      assert.deepEqual([(await health()).ready, (await health()).degraded], [true, [site.instanceId]])
      assert.equal(await metric(site, 'mortise_root_keys{condition="unreachable"}'), 1)
      if (inTime) assert.ok(((await metric(site, 'mortise_data_key_uses_total{source="outage"}')) ?? 0) >= 1)
      // The exit code is 1 once no key is served.
      const { stdout } = await site.server.cli('status', '--json')
      const status = JSON.parse(stdout) as { instances: { name: string; rootKey: string }[] }
      assert.equal(status.instances.find(({ name }) => name === 'vmware')?.rootKey, 'unreachable')

      await until(async () => !(await talk.get(identifier)).ok, 'cache and outage are over')
      assert.equal(
        (await talk.get(identifier)).message,
        'the root key of this instance cannot be reached at the moment: mortise status on the key server says why',
      )
      await fake.calm()
      await until(async () => {
        return (await health()).degraded.length === 0
      }, 'readiness says that it is well again, though nobody asks for a key')
      assert.equal(digestOf(await talk.get(identifier)), digest)
      await talk.create()
      talk.close()
      assert.equal(await metric(site, 'mortise_root_keys{condition="unreachable"}'), 0)
      const told = (await site.audit()).filter(({ action }) => action.startsWith('root-key.'))
      assert.deepEqual(
        told.map(({ action, actor }) => [action, actor.kind]),
        [
          ['root-key.unreachable', 'server'],
          ['root-key.answers', 'server'],
        ],
      )
      assert.equal(told[0]?.detail?.['reach'], 'unreachable')
    })
})
