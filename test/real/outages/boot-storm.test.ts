// Hosts boot while the cloud's KMS is lost: its process is gone, or answers 503. What was in memory is served, all else is refused soon,
// the KMS is not stormed in turn, and everything is served once it is back.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { rootKeyTriesMax } from '../../../src/outside/rootkey/https/repeats.ts'
import { bootStorm } from '../../support/load/boot-storm.ts'
import { cloudKinds } from '../../support/clouds/kinds.ts'
import { KeyProtectFake } from '../../support/key-protect/fake.ts'

/** How many requests each boot sends. */
const requests = 600
/** A call for the one data key with its repetitions, asked for again by later ones; and looks at the root key. */
const callsMax = 8 * rootKeyTriesMax

for (const [kind, how] of [
  ['aws-kms', 'answers 503'],
  ['vault', 'is gone'],
] as const)
  test(`${kind} ${how}`, async (t) => {
    const prepared = await cloudKinds[kind]?.()
    assert.ok(prepared)
    const { fake, uri, env } = prepared
    t.after(() => fake.stop())
    await bootStorm({
      rootKey: uri,
      env,
      lose: async () => {
        await fake.tell('forget-calls')
        if (how === 'is gone') await fake.tell('down')
        else await fake.fault({ kind: 'status', status: 503, times: null })
      },
      bringBack: () => fake.tell('calm'),
      onBooted: async (when) => {
        const calls = (await fake.calls()).length
        t.diagnostic(`${when}: ${calls} calls`)
        assert.ok(calls <= callsMax, `${calls} calls`)
        await fake.tell('forget-calls')
      },
      say: (text) => t.diagnostic(text),
    })
  })

test('Key Protect answers 503, where each key is one of its standard keys', async (t) => {
  const fake = await KeyProtectFake.start()
  t.after(() => fake.stop())
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-storm-key-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const apiKeyFile = path.join(folder, 'api-key')
  writeFileSync(apiKeyFile, (await fake.serviceId({ roles: ['Manager'] })).apiKey, { mode: 0o600 })
  await bootStorm({
    rootKey: fake.uri(await fake.rootKey()),
    args: ['--custody', 'keyprotect'],
    env: {
      MORTISE_IBM_API_KEY_FILE: apiKeyFile,
      MORTISE_IBM_IAM_URL: fake.about.iamUrl,
      MORTISE_IBM_CA_FILE: fake.about.caFile,
    },
    lose: async () => {
      await fake.forgetCalls()
      await fake.fault({ on: '*', kind: 'status', status: 503, times: null })
    },
    bringBack: () => fake.calm(),
    onBooted: async (when) => {
      const calls = (await fake.calls()).length
      t.diagnostic(`${when}: ${calls} calls`)
      // Reading a key takes two calls. Those that nobody waits for any more still run once the service is back.
      const most = when === 'until all were served' ? 4 * requests + callsMax : requests
      assert.ok(calls <= most, `${calls} calls`)
      await fake.forgetCalls()
    },
    say: (text) => t.diagnostic(text),
  })
})
