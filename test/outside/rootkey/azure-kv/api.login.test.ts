// How Mortise logs in to Azure: by secret, certificate, a token of another issuer, and as a managed identity; tokens that end, refused
// credentials, clocks, and what is an outage.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { loginPauseMsMax } from '../../../../src/outside/rootkey/https/held-access.ts'
import { privateKeyPem } from '../../../../src/core/pki/issue.ts'
import { RootKeyError, type RootKey } from '../../../../src/core/ports/root-key.ts'
import type { AzureAccess } from '../../../../src/outside/rootkey/azure-kv/api.ts'
import { openRootKey } from '../../../../src/outside/rootkey/open.ts'
import { systemClock } from '../../../../src/host/system-clock.ts'
import { makeCertificate } from '../../../support/certificates/certificates.ts'
import { azureTenant } from '../../../support/clouds/azure-kv.ts'
import { CloudFake } from '../../../support/clouds/fake.ts'
import { azureKvAt, cloudSide } from '../../../support/clouds/mortise.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'
import { withoutPauses } from '../../../support/time/without-pauses.ts'

const place = Buffer.from('place')
const closing: (() => void)[] = []
let fake: CloudFake

before(async () => {
  fake = await CloudFake.start('azure-kv')
  // An AES key, so that there is one call of each kind.
  await fake.tell('key', { key: 'mortise', type: 'oct-HSM' })
})
after(() => fake.stop())
afterEach(async () => {
  for (const close of closing.splice(0)) close()
  await fake.tell('calm')
  await fake.tell('behave')
})

async function open(access: AzureAccess, clock = withoutPauses()): Promise<RootKey> {
  const side = cloudSide({ ...azureKvAt(fake, access), clock })
  closing.push(() => side.clouds.close())
  await fake.tell('forget-calls')
  return openRootKey('azure-kv:fake.vault.azure.net/mortise', side.options)
}

async function works(key: RootKey): Promise<void> {
  await key.unwrap(await key.wrap(Buffer.from('secret'), place), place)
}

const logins = async () => (await fake.calls('login')).length

/** An application that shows this. */
function application(
  method: 'client-secret' | 'certificate' | 'federated-token',
  credential: string,
): Extract<AzureAccess, { readonly tenantId: string }> {
  return { method, tenantId: azureTenant, clientId: 'application', readCredential: async () => credential }
}

const knows = (shown: object) => fake.tell('application', { id: 'application', ...shown })

test('a client secret: one token for many calls', async () => {
  await knows({ secret: 'secret-1' })
  const key = await open(application('client-secret', 'secret-1'))
  await Promise.all(Array.from({ length: 10 }, () => works(key)))
  assert.equal(await logins(), 1)
})

test('a certificate signs who we are; another certificate is refused', async () => {
  const { certificate, privateKey } = await makeCertificate({
    commonName: 'mortise',
    key: 'rsa',
    ownKey: true,
  })
  await knows({ certificate: certificate.pem })
  await works(
    await open(application('certificate', `${certificate.pem}\n${privateKeyPem(privateKey).toString()}`)),
  )
  const other = await makeCertificate({ commonName: 'other', key: 'rsa', ownKey: true })
  const pem = `${other.certificate.pem}\n${privateKeyPem(other.privateKey).toString()}`
  const refused = await open(application('certificate', pem))
  await assert.rejects(works(refused), reaches('root-key', /AADSTS700027.*azure\.clientCertificateFile/))
})

test('a certificate with the clock of this machine wrong by an hour: by the clock of Entra ID', async () => {
  const { certificate, privateKey } = await makeCertificate({
    commonName: 'mortise',
    key: 'rsa',
    ownKey: true,
  })
  await knows({ certificate: certificate.pem })
  const pem = `${certificate.pem}\n${privateKeyPem(privateKey).toString()}`
  await works(
    await open(application('certificate', pem), { ...systemClock, now: () => Date.now() - 3600_000 }),
  )
  assert.equal(await logins(), 2)
})

test('a file that is no certificate with an RSA key is an outage, and what it holds is not told', async () => {
  const { certificate, privateKey } = await makeCertificate({
    commonName: 'mortise',
    key: 'ec',
    ownKey: true,
  })
  for (const pem of ['hunter2', `${certificate.pem}\n${privateKeyPem(privateKey).toString()}`])
    await assert.rejects(works(await open(application('certificate', pem))), (error: unknown) => {
      reaches('unreachable', /azure\.clientCertificateFile/)(error)
      return !/hunter2|PRIVATE KEY/.test(String(error))
    })
})

test('a token of another issuer is read for each login', async () => {
  await knows({ federatedToken: 'token-1' })
  let token = 'token-1'
  const access = { ...application('federated-token', ''), readCredential: async () => token }
  const key = await open(access)
  await works(key)
  token = 'token-2'
  await knows({ federatedToken: 'token-2' })
  await fake.tell('revoke-tokens')
  await works(key)
  assert.equal(await logins(), 2)
})

test('a managed identity: the metadata service of the machine gives the token, or says that there is none', async () => {
  await works(await open({ method: 'managed-identity', clientId: undefined }))
  assert.equal(await logins(), 0, 'Entra ID itself is not asked')
  await fake.tell('behave', { hasIdentity: false })
  const none = await open({ method: 'managed-identity', clientId: 'another' })
  await assert.rejects(
    works(none),
    reaches('root-key', /Identity not found.*Give this machine a managed identity/),
  )
})

test('a metadata service that is being updated is an outage, and no refusal of the identity', async () => {
  for (const updating of [404, 408, 410]) {
    await fake.tell('behave', { updating })
    const key = await open({ method: 'managed-identity', clientId: undefined })
    await assert.rejects(works(key), reaches('unreachable', new RegExp(`HTTP ${updating}`)))
    await fake.tell('behave')
    await works(key)
  }
})

test('a token that ended is replaced within the same call', async () => {
  await knows({ secret: 'secret-1' })
  const key = await open(application('client-secret', 'secret-1'))
  await works(key)
  await fake.tell('advance', { seconds: 3700 })
  await works(key)
  assert.equal(await logins(), 2)
  await fake.tell('advance', { seconds: -3700 })
})

test('a refused secret is a refusal that says where to look, is not told, and is not shown again at once', async () => {
  await knows({ secret: 'secret-1' })
  const key = await open(application('client-secret', 'hunter2'))
  for (let times = 0; times < 3; times++)
    await assert.rejects(works(key), (error: unknown) => {
      reaches('root-key', /AADSTS7000215.*azure\.clientSecretFile/)(error)
      return !String(error).includes('hunter2')
    })
  assert.equal(await logins(), 1)
})

test('another directory than the vault believes, and an application that is not there, are refusals', async () => {
  const tenantId = '00000000-0000-4000-8000-000000000000'
  const there = await open({ ...application('client-secret', 'x'), tenantId })
  await assert.rejects(works(there), reaches('root-key', /AADSTS90002/))
  const unknown = await open({ ...application('client-secret', 'x'), clientId: 'nobody' })
  await assert.rejects(works(unknown), reaches('root-key', /AADSTS700016/))
})

test('a vault that believes another directory is a refusal that names it, and that directory is not asked', async () => {
  await knows({ secret: 'secret-1' })
  const key = await open(application('client-secret', 'secret-1'))
  await fake.tell('behave', { tenant: 'fabrikam.example' })
  const says = /AKV10032.*believes the directory fabrikam\.example, and azure\.tenantId is 5e2c3f0a/
  await assert.rejects(works(key), reaches('root-key', says))
  assert.equal(await logins(), 2, 'one fresh token, and no more')
})

test('for a Managed HSM the token is for that service', async () => {
  await knows({ secret: 'secret-1' })
  await fake.tell('behave', { resource: 'https://managedhsm.azure.net' })
  const side = cloudSide(azureKvAt(fake, application('client-secret', 'secret-1')))
  closing.push(() => side.clouds.close())
  await works(await openRootKey('azure-kv:fake.managedhsm.azure.net/mortise', side.options))
})

test('a login that is not answered, or not as Entra ID answers, and a credential that cannot be read, are outages', async () => {
  await knows({ secret: 'secret-1' })
  for (const fault of [
    { kind: 'proxy', status: 403 },
    { kind: 'nonsense' },
    { kind: 'status', status: 503 },
    { kind: 'reset-before' },
  ] as const) {
    await fake.fault({ ...fault, on: 'login', times: null })
    const clock = withoutPauses()
    const key = await open(application('client-secret', 'secret-1'), clock)
    await assert.rejects(works(key), reaches('unreachable'))
    await fake.tell('calm')
    // All calls pause together after a login that was not answered.
    await clock.sleep(loginPauseMsMax)
    await works(key)
  }
  const unread = await open({
    ...application('client-secret', ''),
    readCredential: () => Promise.reject(new RootKeyError('unreachable', 'the file is gone')),
  })
  await assert.rejects(works(unread), reaches('unreachable', /the file is gone/))
})
