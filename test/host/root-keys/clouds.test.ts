// What the configuration says about services of root keys: which ways to log in go together, and what is missing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '../../support/server/config.ts'
import { StartError } from '../../../src/host/first-start.ts'
import { openClouds } from '../../../src/host/root-keys/clouds.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { reaches } from '../../support/root-keys/rootkey-contract.ts'

const log = { debug: () => undefined, warn: () => undefined }

/** With these variables alone, and no file. */
function open(env: Readonly<Record<string, string>>) {
  return openClouds(readConfig({}, env), systemClock, log)
}

const application = { MORTISE_AZURE_TENANT_ID: 'tenant', MORTISE_AZURE_CLIENT_ID: 'client' }
const secret = { MORTISE_AZURE_CLIENT_SECRET_FILE: '/nowhere/secret' }
const certificate = { MORTISE_AZURE_CLIENT_CERTIFICATE_FILE: '/nowhere/certificate' }
const managed = { MORTISE_AZURE_MANAGED_IDENTITY: 'true' }

test('Azure: one way to log in, with all that belongs to it', async () => {
  for (const env of [{ ...application, ...secret }, { ...application, ...certificate }, managed])
    (await open(env)).close()
  const wrong = [
    [{ ...application, ...secret, ...certificate }, /one way to log in/],
    [{ ...application, ...secret, ...managed }, /one way to log in/],
    [application, /need a credential/],
    [secret, /needs azure\.tenantId and azure\.clientId/],
  ] as const
  for (const [env, words] of wrong)
    await assert.rejects(
      open(env),
      (error: unknown) => error instanceof StartError && words.test(error.message),
    )
})

test('without any, root keys in Azure and in Vault say what to configure; a missing file is an outage', async () => {
  const none = await open({})
  await assert.rejects(
    none.open('azure-kv:contoso.vault.azure.net/k'),
    reaches('root-key', /azure\.tenantId/),
  )
  await assert.rejects(none.open('vault:transit/k'), reaches('root-key', /vault\.address/))
  const clouds = await open({ ...application, ...secret })
  const key = await clouds.open('azure-kv:contoso.vault.azure.net/k')
  await assert.rejects(
    key.wrap(Buffer.from('x'), Buffer.from('place')),
    reaches('unreachable', /MORTISE_AZURE_CLIENT_SECRET_FILE\) cannot be read/),
  )
  clouds.close()
})
