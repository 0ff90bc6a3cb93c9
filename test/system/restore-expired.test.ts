// The database is lost, and the root key has expired meanwhile: it opens what it sealed, and seals nothing. A restore
// takes another root key for the instance and this one as the old one; all keys come back and move on.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { digestOf, openTalk } from '../support/clients/kmip-talk.ts'
import { startEmbedded, startServer } from '../support/server/server.ts'

const fake = await KeyProtectFake.start()
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-expired-'))
after(async () => {
  await fake.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('a restore with a root key that has expired takes another for what is to come', async () => {
  const { apiKey } = await fake.serviceId({ roles: ['Manager'] })
  const apiKeyFile = path.join(folder, 'api.key')
  writeFileSync(apiKeyFile, apiKey)
  const env = {
    MORTISE_IBM_API_KEY_FILE: apiKeyFile,
    MORTISE_IBM_IAM_URL: fake.about.iamUrl,
    MORTISE_IBM_CA_FILE: fake.about.caFile,
  }
  const { now } = await fake.control<{ now: string }>('GET', 'state')
  const expirationDate = new Date(Date.parse(now) + 600_000).toISOString()
  const expired = fake.uri(await fake.rootKey({ expirationDate }))
  const server = await startServer({ env })
  await server.json('instance', 'set-root-key', 'default', '--root-key', expired, '--custody', 'keyprotect')
  const talk = await openTalk({ ...server.kmip, tls: (await server.issue('vcenter')).tls })
  const digests = new Map<string, string | undefined>()
  for (let made = 0; made < 5; made++) {
    const id = await talk.create()
    digests.set(id, digestOf(await talk.get(id)))
  }
  const gone = await talk.create()
  await fake.advance(601)
  assert.equal((await talk.destroy(gone)).ok, true)
  talk.close()
  await server.kill()
  await server[Symbol.asyncDispose]()

  await using fresh = await startEmbedded({ env })
  await fresh.json('instance', 'delete', 'default')
  const restore = ['restore', '--from-key-protect', '--root-key'] as const
  const refused = await fresh.cli(...restore, expired)
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /expired at .*--old-root-key/s)
  const other = fake.uri(await fake.rootKey())
  const restored = await fresh.cli(...restore, other, '--old-root-key', expired)
  assert.equal(restored.code, 0, restored.stderr)
  const back = await openTalk({ ...fresh.kmip, tls: (await fresh.issue('vcenter')).tls })
  for (const [id, digest] of digests) assert.equal(digestOf(await back.get(id)), digest)
  assert.equal((await back.get(gone)).ok, false)
  assert.equal((await back.get(await back.create())).ok, true)
  for (let turn = 0; turn < 200; turn++) {
    const { work } = (await fresh.json('instance', 'show', 'default')) as { readonly work: unknown }
    if (work === null) break
    await sleep(100)
  }
  const shown = (await fresh.json('instance', 'show', 'default')) as Record<string, unknown>
  assert.deepEqual([shown['work'], shown['rootKey']], [null, other])
  for (const [id, digest] of digests) assert.equal(digestOf(await back.get(id)), digest)
  back.close()
})
