// `mortise status` of a server whose only root key with keys is out of reach after a restart: nothing is in memory, so no
// key is served, and a script learns that from the exit code. The node itself is ready: it answers, and says why it refuses.

import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { openSite } from '../support/root-keys/custody.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'
import { until } from '../support/time/until.ts'

interface Status {
  readonly ready: boolean
  readonly servesKeys: boolean
  readonly instances: readonly { readonly name: string; readonly rootKey: string; readonly served: boolean }[]
}

async function ask(server: EmbeddedServer) {
  const [text, json] = [await server.cli('status'), await server.cli('status', '--json')]
  const { ready, servesKeys, instances } = JSON.parse(json.stdout) as Status
  const served = Object.fromEntries(instances.map((one) => [one.name, [one.rootKey, one.served]]))
  assert.equal(text.code, json.code)
  return { code: text.code, text: text.stdout, ready, servesKeys, served }
}

test('status and its exit code say whether keys are served', async (t) => {
  const data = mkdtempSync(path.join(tmpdir(), 'mortise-test-status-'))
  t.after(() => rmSync(data, { recursive: true, force: true }))
  const file = path.join(data, 'vmware.key')
  const away = () => renameSync(file, `${file}.away`)
  const back = () => renameSync(`${file}.away`, file)
  const started = async (use: (server: EmbeddedServer) => Promise<void>) => {
    await using server = await startEmbedded({ data })
    await use(server)
  }

  await started(async (server) => {
    await server.json('instance', 'create', 'vmware', '--root-key', 'file:vmware.key')
  })
  away()
  await started(async (server) => {
    const { code, servesKeys, served } = await ask(server)
    assert.deepEqual([code, servesKeys], [0, true], 'nobody misses a key, and default can make some')
    assert.deepEqual(served, { default: ['ok', true], vmware: ['unreachable', false] })
  })
  back()
  await started(async (server) => {
    await server.json('key', 'create', '--instance', 'vmware')
    const whole = await ask(server)
    assert.deepEqual([whole.code, whole.ready, whole.servesKeys], [0, true, true])
    assert.match(whole.text, /^Mortise: +\S+, serves$/m)
  })
  away()
  await started(async (server) => {
    const { code, text, ...status } = await ask(server)
    assert.deepEqual([code, status.ready, status.servesKeys], [1, true, false])
    assert.deepEqual(status.served, { default: ['ok', true], vmware: ['unreachable', false] })
    assert.match(text, /^Mortise: +\S+, CANNOT SERVE KEYS: /m)
    assert.match(text, /^vmware .* unreachable: NOT SERVED$/m)
    assert.deepEqual(await server.cli('health'), {
      code: 0,
      stdout: 'ready, but instances whose root key does not open: 1 (mortise status)\n',
      stderr: '',
    })
  })
})

test('a root key that hangs since the start is unknown at first, and then unreachable', async (t) => {
  const fake = await KeyProtectFake.start()
  t.after(() => fake.stop())
  await using site = await openSite(fake, { custody: 'database' })
  await fake.fault({ on: '*', kind: 'hang', times: null })
  await site.restart()
  const stateNow = async () => {
    const { instances } = (await site.server.json('status')) as Status
    return instances.find(({ name }) => name === 'vmware')?.rootKey
  }
  // A busy machine may take so long that it is known.
  assert.match(String(await stateNow()), /^(unknown|unreachable)$/)
  await until(async () => (await stateNow()) === 'unreachable')
})
