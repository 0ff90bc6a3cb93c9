// `mortise token recover` where the server's root key is in Key Protect: whoever has the API key that may use it gets a token,
// with and without a running server. Without one, with another one, or while the service is down, nobody gets anything.

import { tokenRoutes } from '../../src/features/tokens/routes.ts'
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { AdminClient } from '../../src/doors/http/client.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import {
  runCli,
  spawnCli,
  startServer,
  type CommandResult,
  type TestServer,
} from '../support/server/server.ts'

const fake = await KeyProtectFake.start()
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-recover-'))
after(async () => {
  await fake.stop()
  rmSync(folder, { recursive: true })
})

/** A service ID that may use the root key, or none, and its API key in a file. */
async function apiKeyFile(name: string, key?: string): Promise<string> {
  const { apiKey } = await fake.serviceId({ roles: ['Reader'], key: key ?? (await fake.rootKey()) })
  const file = path.join(folder, name)
  writeFileSync(file, `${apiKey}\n`)
  return file
}

const down = { on: '*', kind: 'status', status: 503, times: null } as const

function nothing({ code, stdout, stderr }: CommandResult, why: RegExp): void {
  assert.deepEqual([code, stdout], [1, ''], stderr)
  assert.match(stderr, why)
  assert.ok(!/mortise_[A-Za-z0-9_-]{20}/.test(stderr))
}

async function tokens(server: TestServer): Promise<string[]> {
  return ((await server.json('token', 'list')) as { name: string }[]).map(({ name }) => name)
}

test('with the API key that may use the root key, and in no other way', async () => {
  const key = await fake.rootKey()
  const [right, wrong] = [await apiKeyFile('right', key), await apiKeyFile('wrong')]
  const service = {
    MORTISE_IBM_IAM_URL: fake.about.iamUrl,
    MORTISE_IBM_CA_FILE: fake.about.caFile,
    MORTISE_ROOT_KEY: fake.uri(key),
  }
  const env = { ...service, MORTISE_IBM_API_KEY_FILE: right }
  const data = path.join(folder, 'data')
  const words = ['token', 'recover', '--data', data, '--json']
  const recover = (given: Readonly<Record<string, string>>) => runCli(words, given)
  const refusals = async () => {
    nothing(await recover(service), /need the API key of a service ID/)
    nothing(
      await recover({ ...service, MORTISE_IBM_API_KEY_FILE: wrong }),
      /Key Protect|not authorized|ServiceId/i,
    )
    await fake.fault(down)
    // It asks again after a while, and its process must live so long.
    nothing(await spawnCli(words, env), /503|does not answer|unavailable|could not be reached/i)
    await fake.calm()
  }

  {
    await using server = await startServer({ data, env })
    await refusals()
    assert.deepEqual(await tokens(server), ['bootstrap'])
    const online = await recover(env)
    assert.equal(online.code, 0, online.stderr)
    assert.deepEqual((await tokens(server)).toSorted(), ['bootstrap', 'recovered'])
    // A stranger on this machine may ask as often as they like: the server asks the service again only after some seconds.
    const pem = readFileSync(path.join(data, 'admin-ca.pem'), 'utf8')
    const stranger = new AdminClient({ url: server.admin, token: '', trust: { by: 'authority', pem } })
    await fake.fault(down)
    const refused = () =>
      assert.rejects(stranger.call(tokenRoutes.beginTokenRecovery), /503|does not answer|unavailable/i)
    await refused()
    const wraps = (await fake.calls('wrap')).length
    for (let n = 0; n < 5; n++) await refused()
    assert.equal((await fake.calls('wrap')).length, wraps)
    await fake.calm()
  }

  await refusals()
  const made = await recover(env)
  assert.equal(made.code, 0, made.stderr)
  const { token } = JSON.parse(made.stdout) as { token: string }
  writeFileSync(path.join(data, 'admin-token'), `${token}\n`, { mode: 0o600 })
  await using again = await startServer({ data, env })
  assert.equal((await tokens(again)).filter((name) => name === 'recovered').length, 2)
  const { conditions } = (await again.json('status')) as { conditions: { id: string }[] }
  assert.ok(conditions.some(({ id }) => id === 'token-recovered'))
})
