// `mortise root-key check` and `create` with root keys that need no HSM; those on tokens are in test/real/softhsm/.

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { readConfig } from '../../support/server/config.ts'
import { openRootKey } from '../../../src/outside/rootkey/open.ts'
import { tryRootKey } from '../../../src/host/root-keys/try-root-key.ts'
import { createLog } from '../../../src/outside/telemetry/log.ts'
import { reaches } from '../../support/root-keys/rootkey-contract.ts'

const data = mkdtempSync(path.join(tmpdir(), 'mortise-try-'))
after(() => rmSync(data, { recursive: true }))
const parts = { config: readConfig({ data }, {}), log: createLog({ format: 'json', level: 'error' }) }

test('a root key is tried where it is, and none is made', async () => {
  const tried = tryRootKey(parts, { uri: 'file:root.key', create: false })
  await assert.rejects(tried, reaches('unreachable', /no root key at/))
  assert.deepEqual(readdirSync(data), [])
  const { id } = await openRootKey('file:root.key', { dataFolder: data, create: true })
  assert.deepEqual(await tryRootKey(parts, { uri: 'file:root.key', create: false }), {
    uri: 'file:root.key',
    id,
    warnings: [],
  })
})

test('a key is made on a token alone, with a module that the configuration names', async () => {
  await assert.rejects(
    tryRootKey(parts, { uri: 'file:new.key', create: true }),
    reaches('root-key', /on a token only/),
  )
  const onToken = (create: boolean) => tryRootKey(parts, { uri: 'pkcs11:token=t;object=k', create })
  for (const create of [true, false])
    await assert.rejects(onToken(create), reaches('root-key', /pkcs11\.modules/))
  const rsa = tryRootKey(parts, { uri: 'pkcs11:token=t;object=k;type=private', create: true })
  await assert.rejects(rsa, reaches('root-key', /Make an RSA key with the tool of the vendor/))
})
