// An older database of an instance with custody `keyprotect` is accepted: its epoch is recorded at the service before its
// server deletes anything there, and the server that still runs on the newer database stores and deletes nothing any more.

import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, afterEach, test } from 'node:test'
import { readSettings } from '../support/server/config.ts'
import { readDescription } from '../../src/core/custody/keyprotect/description.ts'
import { acceptRestore } from '../../src/host/restore-accept.ts'
import { createLog } from '../../src/outside/telemetry/log.ts'
import { createMetrics } from '../../src/outside/telemetry/metrics.ts'
import { openSite, type CustodySite } from '../support/root-keys/custody.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { openTalk } from '../support/clients/kmip-talk.ts'
import { runCli, startEmbedded } from '../support/server/server.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
afterEach(() => fake.calm())

interface StandardKey {
  readonly name: string
  readonly description?: string
  readonly state: number
}

function environment({ server }: CustodySite) {
  return {
    MORTISE_IBM_API_KEY_FILE: path.join(path.dirname(server.data), 'api-key'),
    MORTISE_IBM_IAM_URL: fake.about.iamUrl,
    MORTISE_IBM_CA_FILE: fake.about.caFile,
  }
}

function accept({ server: { data } }: CustodySite, env: Readonly<Record<string, string>>) {
  const settings = readSettings({ data }, () => env)
  const log = createLog({ format: 'json', level: 'info', write: () => undefined })
  return acceptRestore({ settings, log, metrics: createMetrics() }, false)
}

/** Takes the database of a stopped server; the function puts it back. */
function backup({ server: { data } }: CustodySite): () => void {
  const copy = readFileSync(path.join(data, 'mortise.db'))
  return () => {
    for (const suffix of ['-wal', '-shm']) rmSync(path.join(data, `mortise.db${suffix}`), { force: true })
    writeFileSync(path.join(data, 'mortise.db'), copy)
  }
}

async function live(): Promise<readonly StandardKey[]> {
  const keys = await fake.control<readonly StandardKey[]>('GET', 'keys')
  return keys.filter(({ state }) => state !== 5)
}

const isLive = async (id: string) => (await live()).some(({ name }) => name === `mortise-${id}`)

/** The epochs of an instance's markers that are not deleted. */
async function epochsOf({ instanceId }: CustodySite): Promise<readonly number[]> {
  return (await live()).flatMap(({ description = '' }) => {
    const said = readDescription(description)
    return said?.kind === 'marker' && said.instanceId === instanceId ? [said.epoch] : []
  })
}

/** A server with two keys that was stopped, used again, and set back to the moment between. */
async function setBack(site: CustodySite) {
  const talk = await site.talk()
  const [a, b] = [await talk.create(), await talk.create()]
  talk.close()
  await site.server.stop()
  const putBack = backup(site)
  await site.restart()
  await site.server.json(
    'token',
    'create',
    '--role',
    'viewer',
    '--name',
    'later',
    '--out',
    `${site.server.data}/later`,
  )
  await site.server.stop()
  return { a, b, putBack }
}

test('accepting records a higher epoch, with the API key of the instance, and stops the server with the newer database', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const env = environment(site)
  await site.server.json('instance', 'set', 'vmware', '--ibm-api-key-file', env.MORTISE_IBM_API_KEY_FILE)
  const { a, b, putBack } = await setBack(site)
  const newer = path.join(path.dirname(site.server.data), 'newer')
  cpSync(site.server.data, newer, { recursive: true })
  putBack()
  // A server whose clock ran ahead accepted a database before.
  const description = `mortise 2 marker 1, instance ${site.instanceId}, root key ${site.rootKey}, epoch 4000000000, stays`
  const marker = {
    type: 'application/vnd.ibm.kms.key+json',
    name: `mortise-marker-${site.instanceId}`,
    description,
    extractable: true,
    payload: Buffer.from('{}').toString('base64'),
  }
  await fake.admin('POST', '/keys', { metadata: {}, resources: [marker] })

  const { MORTISE_IBM_API_KEY_FILE: _serversKey, ...withoutKey } = env
  const { epochs } = await accept(site, withoutKey)
  assert.deepEqual(epochs, [{ instance: 'vmware', rootKey: fake.uri(site.rootKey), cause: null }])
  assert.equal(Math.max(...(await epochsOf(site))), 4_000_000_001)

  await using other = await startEmbedded({ data: newer, env })
  const tls = { cert: readFileSync(site.certFile, 'utf8'), key: readFileSync(site.keyFile, 'utf8') }
  const stopped = await openTalk({ ...other.kmip, tls })
  const { ok, message } = await stopped.destroy(a)
  assert.deepEqual([ok, await isLive(a)], [false, true], message)
  await assert.rejects(stopped.create(), /another server uses this instance, and was restored later/)
  stopped.close()

  await site.restart()
  const talk = await site.talk()
  assert.ok((await talk.destroy(b)).ok)
  assert.equal(await isLive(b), false)
  await talk.create()
  talk.close()
})

test('the service cannot be reached: accepting says so, and the server records the epoch before it deletes anything', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const { a, b, putBack } = await setBack(site)
  putBack()
  await fake.control('POST', 'listeners', { keyProtect: 'down' })
  const { code, stdout } = await runCli(['restore-accept', '--data', site.server.data], environment(site))
  assert.equal(code, 0)
  const uri = fake.uri(site.rootKey)
  assert.ok(stdout.includes(`Not recorded yet beside ${uri} for the instance vmware:\n`), stdout)
  assert.match(stdout, /cannot be reached.*deletes nothing there before.*no server runs\non a newer copy/s)

  await fake.calm()
  await fake.fault({ on: 'create', kind: 'status', status: 503, times: null })
  await fake.forgetCalls()
  await site.restart()
  const talk = await site.talk()
  const refused = await talk.destroy(a)
  assert.match(refused.message ?? '', /was done on this server/)
  assert.deepEqual([await isLive(a), await epochsOf(site)], [true, []])
  assert.deepEqual(await fake.calls('delete'), [])

  await fake.calm()
  assert.ok((await talk.destroy(b)).ok)
  talk.close()
  assert.deepEqual([await isLive(b), (await epochsOf(site)).length], [false, 1])
})
