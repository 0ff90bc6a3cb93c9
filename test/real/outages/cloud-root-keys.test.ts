// Root keys in clouds, with the real server and the fakes: an instance on each, through restarts, outages and refusals, and
// moved there from a file and back.

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cloudKinds } from '../../support/clouds/kinds.ts'
import { openCloudSite } from './cloud-site.ts'
import { digestOf } from '../../support/clients/kmip-talk.ts'
import { startEmbedded, type EmbeddedServer } from '../../support/server/server.ts'
import { until } from '../../support/time/until.ts'

/** What the doctor says of root keys. */
async function findings(server: EmbeddedServer): Promise<readonly { readonly what: string }[]> {
  const { stdout } = await server.cli('doctor', `${server.kmip.host}:${server.kmip.port}`, '--json')
  const { findings: all } = JSON.parse(stdout) as { findings: { check: string; what: string }[] }
  return all.filter(({ check }) => check === 'root key')
}

const unreachable =
  'the root key of this instance cannot be reached at the moment: mortise status on the key server says why'

for (const [kind, prepare] of Object.entries(cloudKinds))
  // Side by side: they wait for looks at root keys.
  suite(`root keys of the kind ${kind}`, { concurrency: true }, () => {
    test('keys are made, served, and served after a restart and a rotation', async (t) => {
      const { fake, uri, env, rotate } = await prepare()
      t.after(() => fake.stop())
      await using site = await openCloudSite(uri, env, { cacheSeconds: 300, outageSeconds: 3600 })
      const talk = await site.talk()
      const identifier = await talk.create()
      const digest = digestOf(await talk.get(identifier))
      talk.close()
      assert.deepEqual(await findings(site.server), [])
      await rotate()
      await site.restart()
      const again = await site.talk()
      assert.equal(digestOf(await again.get(identifier)), digest)
      await again.create()
      again.close()
    })

    test('an outage: served from memory, then refused; refused soon where nothing is in memory; well again by itself', async (t) => {
      const { fake, uri, env, decrypt } = await prepare()
      t.after(() => fake.stop())
      await using site = await openCloudSite(uri, env, { cacheSeconds: 1, outageSeconds: 4 })
      const talk = await site.talk()
      const identifier = await talk.create()
      const digest = digestOf(await talk.get(identifier))
      await fake.tell('down')
      const away = performance.now()
      await until(async () => {
        const got = await talk.get(identifier)
        // A busy machine may have come here too late.
        if (performance.now() - away < 4_000) assert.equal(digestOf(got), digest, got.message)
        return (await site.health()).degraded.length > 0
      }, 'it is noticed')
      await until(async () => !(await talk.get(identifier)).ok, 'cache and outage are over')
      assert.equal((await talk.get(identifier)).message, unreachable)
      await fake.tell('calm')
      await until(async () => (await site.health()).degraded.length === 0, 'it is well again')
      assert.equal(digestOf(await talk.get(identifier)), digest)
      talk.close()
      assert.deepEqual(await site.audit('root-key.'), ['root-key.unreachable', 'root-key.answers'])

      // Calls that hang last longer than a client waits.
      await site.restart()
      await fake.fault({ kind: 'hang', on: decrypt, times: null })
      const other = await site.talk()
      await until(async () => {
        const asked = performance.now()
        const got = await other.get(identifier)
        assert.ok(performance.now() - asked < 15_000, 'answered, though the call to the service goes on')
        if (!got.ok) assert.equal(got.message, unreachable)
        return !got.ok
      }, 'memory is over')
      await fake.tell('calm')
      await until(async () => (await other.get(identifier)).ok, 'it is well again')
      other.close()
    })

    test('a refusal withdraws what is in memory, with one question for all, and ends when access is back', async (t) => {
      const { fake, uri, env, refuse, admit, decrypt } = await prepare()
      t.after(() => fake.stop())
      await using site = await openCloudSite(uri, env, { cacheSeconds: 1, outageSeconds: 3600 })
      const talk = await site.talk()
      const identifier = await talk.create()
      const digest = digestOf(await talk.get(identifier))
      await refuse()
      await until(async () => !(await talk.get(identifier)).ok, 'it is withdrawn')
      await fake.tell('forget-calls')
      for (let times = 0; times < 20; times++) assert.equal((await talk.get(identifier)).ok, false)
      const questions = (await fake.calls(decrypt)).length
      assert.ok(questions <= 4, `${questions} questions for 20 requests`)
      const found = (await findings(site.server)).map(({ what }) => what)
      assert.equal(found.length, 2)
      assert.match(found[0] ?? '', /vmware/)
      assert.match(found[1] ?? '', /did not pass the check on this machine: .*refuses to/)
      await admit()
      await until(async () => (await talk.get(identifier)).ok, 'it is served again')
      assert.equal(digestOf(await talk.get(identifier)), digest)
      talk.close()
      assert.deepEqual(await site.audit('root-key.'), ['root-key.withdrawn', 'root-key.answers'])
    })

    test('an instance moves there from a file and back, while its keys are served', async (t) => {
      const { fake, uri, env } = await prepare()
      t.after(() => fake.stop())
      await using site = await openCloudSite('file:first.key', env, {
        cacheSeconds: 300,
        outageSeconds: 3600,
      })
      const talk = await site.talk()
      const identifier = await talk.create()
      const digest = digestOf(await talk.get(identifier))
      for (const rootKey of [uri, 'file:second.key']) {
        await site.server.json('instance', 'set-root-key', 'vmware', '--root-key', rootKey)
        assert.equal(digestOf(await talk.get(identifier)), digest)
        const shown = (await site.server.json('instance', 'show', 'vmware')) as { rootKey: string }
        assert.equal(shown.rootKey, rootKey)
      }
      await fake.tell('down')
      await site.restart()
      const again = await site.talk()
      assert.equal(digestOf(await again.get(identifier)), digest)
      for (const one of [talk, again]) one.close()
    })

    test("it seals the server's own secrets too", async (t) => {
      const { fake, uri, env } = await prepare()
      t.after(() => fake.stop())
      await using first = await startEmbedded({ env: { ...env, MORTISE_ROOT_KEY: uri } })
      await first.json('instance', 'create', 'vmware')
      await first.stop()
      await using second = await startEmbedded({ data: first.data, env: { ...env, MORTISE_ROOT_KEY: uri } })
      assert.equal(((await second.json('instance', 'list')) as object[]).length, 2)
    })

    test('what cannot be is refused with what to do: custody keyprotect, an API key of IBM, a URI that is wrong', async (t) => {
      const { fake, uri, env, refuse } = await prepare()
      t.after(() => fake.stop())
      await using server = await startEmbedded({ env })
      const create = async (...args: string[]) => {
        const { code, stderr } = await server.cli('instance', 'create', 'x', ...args)
        assert.equal(code, 1)
        return stderr
      }
      assert.match(
        await create('--root-key', uri, '--custody', 'keyprotect'),
        /in Key Protect and HPCS, and this one is/,
      )
      assert.match(await create('--root-key', `${kind}:`), new RegExp(`Write ${kind}:`))
      const checked = await server.cli('root-key', 'check', uri)
      assert.match(checked.stdout, /The root key seals and opens/, checked.stderr)
      await refuse()
      assert.equal((await server.cli('root-key', 'check', uri)).code, 1)
      assert.match(await create('--root-key', uri), /refuses to/)
    })
  })
