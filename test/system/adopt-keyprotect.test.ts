// `mortise adopt kmip` into an instance with custody keyprotect: it states the price before it begins, stores one standard
// key for each adopted key, and a full instance ends it without harm.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { createKey } from '../../src/outside/kmip-client/calls.ts'
import { connectKmip } from '../../src/outside/kmip-client/client.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { adoptWords, startEmbedded, type ClientFiles, type EmbeddedServer } from '../support/server/server.ts'

let fake: KeyProtectFake
let folder: string
let old: EmbeddedServer
let client: ClientFiles

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mortise-adopt-keyprotect-'))
  fake = await KeyProtectFake.start()
  const { apiKey } = await fake.serviceId({ roles: ['Manager'] })
  writeFileSync(path.join(folder, 'api.key'), apiKey)
  old = await startEmbedded()
  client = await old.issue('adopter')
  await using there = connectKmip({
    addresses: [old.kmip],
    ...client.tls,
    trust: { by: 'authority', pem: client.tls.ca },
  })
  for (let made = 0; made < 12; made++) await createKey(there)
})
after(async () => {
  await old[Symbol.asyncDispose]()
  await fake.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('the price is stated first, each key becomes one standard key, and a full instance stops it midway', async () => {
  const env = { MORTISE_IBM_IAM_URL: fake.about.iamUrl, MORTISE_IBM_CA_FILE: fake.about.caFile }
  await using mine = await startEmbedded({ env })
  const rootKey = fake.uri(await fake.rootKey())
  const place = ['--root-key', rootKey, '--custody', 'keyprotect']
  await mine.json(
    'instance',
    'create',
    'vmware',
    ...place,
    '--ibm-api-key-file',
    path.join(folder, 'api.key'),
  )
  await mine.json('instance', 'set', 'vmware', '--objects-max', '5')
  const args = adoptWords(old.kmip.port, client, '--ca', client.caFile, '--instance', 'vmware')
  const full = await mine.cli(...args)
  assert.equal(full.code, 1)
  assert.match(full.stderr, /each adopted key becomes one standard key in Key Protect, billed/)
  assert.match(full.stderr, /room for 5 more objects/)
  assert.match(full.stderr, /this instance holds as many objects as it may \(5\)/)

  await mine.json('instance', 'set', 'vmware', '--objects-max', '1000')
  const report = (await mine.json(...args, '--verify')) as {
    adopted: number
    unchanged: number
    verified: { equal: number }
  }
  assert.deepEqual([report.adopted + report.unchanged, report.unchanged, report.verified.equal], [12, 5, 12])
  const names = (await fake.control<readonly { name: string; state: number }[]>('GET', 'keys'))
    .filter(({ state }) => state !== 5)
    .map(({ name }) => name)
  assert.equal(names.filter((name) => /^mortise-[0-9a-f-]{36}$/.test(name)).length, 12)
})
