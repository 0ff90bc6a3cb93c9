// The proxy before vcsim and a real Mortise server: each trusts the other as an administrator has it done, and the status is
// what both really do.

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { makeAuthority, signRequest } from '../../../src/core/pki/issue.ts'
import { parseCertificate } from '../../../src/core/pki/certificate.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import { providerId, serverSpec } from '../../support/vcenter/client.ts'
import { at, childrenOf, element, textAt } from '../../support/vcenter/xml.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { ProxySite, rejectsWith } from './proxy-site.ts'

function proxyTest(name: string, run: (site: ProxySite, t: TestContext) => Promise<void>): void {
  test(name, { timeout: vcsimTestTimeoutMs }, async (t) => {
    const site = await ProxySite.start(t, { arguments: ['-vm', '1'] })
    if (site) await run(site, t)
  })
}

proxyTest(
  'a provider is red until each side trusts the other, and its keys are then in Mortise',
  async (site) => {
    const { client, mortise, vcenter } = site
    await site.register()
    const pem = await site.serverCertificate()
    assert.equal(parseCertificate(pem).sha256, mortise.serverCertSha256)
    const before = await site.status()
    assert.equal(textAt(before, 'overallStatus'), 'red')
    assert.equal(textAt(before, 'servers', 'clientTrustServer'), 'false')
    assert.match(textAt(before, 'servers', 'connectionStatus') ?? '', /not trusted/)

    await site.trustServer()
    const half = await site.trustStatus()
    assert.deepEqual(half, { status: 'red', client: 'true', server: 'false' })
    const refused = await site.generate()
    assert.equal(textAt(refused, 'success'), 'false')
    assert.match(textAt(refused, 'reason') ?? '', /Failed to create key on KMS 127\.0\.0\.1/)
    assert.equal((await site.keys()).size, 0)

    const own = await site.certificateCall('RetrieveClientCert')
    await site.trustClient(own)
    const after = await site.status()
    assert.equal(textAt(after, 'overallStatus'), 'green')
    assert.deepEqual(await site.trustStatus(), { status: 'green', client: 'true', server: 'true' })
    const fingerprints = [at(after, 'servers', 'certInfo'), at(after, 'clientCertInfo')]
    assert.deepEqual(
      fingerprints.map((info) => textAt(info, 'fingerprint')),
      [pem, own].map((text) => new X509Certificate(text).fingerprint),
    )
    const [isActive] = await client.call('IsKmsClusterActive', [providerId('cluster', 'P')])
    assert.equal(isActive?.text, 'true')

    const key = await site.newKey()
    assert.deepEqual([...(await site.keys())], [[key, 'PreActive']])
    assert.deepEqual(await vcenter.violations(), [])
  },
)

proxyTest('a wrong certificate of the server, or of the client, is named', async (site) => {
  await site.register()
  const other = await clientCertificate('self-signed-other')
  await site.trustServer('P', other.certificate.pem)
  await site.trustClient(await site.certificateCall('RetrieveClientCert'))
  assert.equal((await site.trustStatus())['client'], 'false')
  assert.equal(textAt(await site.generate(), 'success'), 'false')
  await site.trustServer()
  assert.deepEqual(await site.trustStatus(), { status: 'green', client: 'true', server: 'true' })

  const upload = [
    providerId('cluster', 'P'),
    element('certificate', other.tls.cert),
    element('privateKey', other.tls.key),
  ]
  await site.client.call('UploadClientCert', upload)
  assert.deepEqual(await site.trustStatus(), { status: 'red', client: 'true', server: 'false' })
  await site.trustClient(other.certificate.pem, 'other')
  assert.equal((await site.trustStatus())['status'], 'green')
})

proxyTest(
  'generating a client certificate replaces nothing; only the last one is put into use',
  async (site) => {
    await site.connect()
    const inUse = await site.certificateCall('RetrieveClientCert')
    assert.equal(await site.certificateCall('RetrieveSelfSignedClientCert'), '')
    assert.equal(await site.certificateCall('RetrieveClientCsr'), '')
    const first = await site.certificateCall('GenerateSelfSignedClientCert')
    const second = await site.certificateCall('GenerateSelfSignedClientCert')
    assert.equal(await site.certificateCall('RetrieveSelfSignedClientCert'), second)
    assert.equal(await site.certificateCall('RetrieveClientCert'), inUse)
    assert.equal((await site.trustStatus())['status'], 'green')
    await rejectsWith('InvalidArgument', site.certificateCall('UpdateSelfSignedClientCert', first))
    await site.certificateCall('UpdateSelfSignedClientCert', second)
    assert.equal(await site.certificateCall('RetrieveClientCert'), second)
    assert.equal((await site.trustStatus())['server'], 'false')

    const ca = await makeAuthority({ commonName: 'CA of a test', nowMs: Date.now() })
    const sign = async (csr: string) =>
      (await signRequest({ ca, csr: Buffer.from(csr), nowMs: Date.now() })).pem
    const old = await sign(await site.certificateCall('GenerateClientCsr'))
    const csr = await site.certificateCall('GenerateClientCsr')
    assert.equal(await site.certificateCall('RetrieveClientCsr'), csr)
    // The new request has overwritten the old one's key.
    await rejectsWith('InvalidArgument', site.certificateCall('UpdateKmsSignedCsrClientCert', old))
    const signed = await sign(csr)
    await site.certificateCall('UpdateKmsSignedCsrClientCert', signed)
    assert.equal(await site.certificateCall('RetrieveClientCert'), signed)
    await site.trustClient(signed, 'signed')
    assert.equal((await site.trustStatus())['status'], 'green')
  },
)

proxyTest('a server is updated field by field, and only an empty text deletes a user name', async (site) => {
  const { client, mortise } = site
  await site.connect()
  const update = (info: Readonly<Record<string, string | number>>, password?: string) =>
    client.call('UpdateKmipServer', [
      serverSpec('P', { name: 'mortise', address: '127.0.0.1', port: mortise.port, ...info }, password),
    ])
  const listed = async () => {
    const [provider] = await client.call('ListKmsClusters', [element('includeKmsServers', true)])
    const server = childrenOf(provider, 'servers')[0]
    return { timeout: textAt(server, 'timeout'), userName: textAt(server, 'userName') }
  }
  await update({ timeout: 30, userName: 'someone' }, 'a password')
  await update({})
  assert.deepEqual(await listed(), { timeout: '30', userName: 'someone' })
  await site.newKey()
  await update({}, '')
  assert.match(textAt(await site.generate(), 'reason') ?? '', /QLC_ERR_VALUE_MISSING Password/)
  await update({ userName: '', timeout: -1 })
  assert.deepEqual(await listed(), { timeout: undefined, userName: undefined })
  await site.newKey()
})

proxyTest(
  'the first provider is the default, a second one not; unknown ones and dead sessions are refused',
  async (site) => {
    const { client, vcenter } = site
    await site.register('P')
    await site.register('Q')
    const providers = await client.call('ListKmsClusters')
    assert.deepEqual(
      providers.map((one) => [textAt(one, 'clusterId', 'id'), textAt(one, 'useAsDefault')]),
      [
        ['P', 'true'],
        ['Q', 'false'],
      ],
    )
    assert.equal(childrenOf(providers[0], 'servers').length, 0)
    await rejectsWith('InvalidArgument', site.certificateCall('RetrieveClientCert', undefined, 'R'))
    await vcenter.endSessions()
    await rejectsWith('NotAuthenticated', site.certificateCall('RetrieveClientCert'))
  },
)

proxyTest('the certificate of a server that cannot be read is empty, and that is no fault', async (site) => {
  await site.register()
  assert.notEqual(await site.serverCertificate(), '')
  await site.mortise[Symbol.asyncDispose]()
  assert.equal(await site.serverCertificate(), '')
})

proxyTest('a second server makes the key when the first one cannot be reached', async (site) => {
  const { client } = site
  await client.call('RegisterKmipServer', [serverSpec('P', { name: 'away', address: '127.0.0.1', port: 1 })])
  await site.connect()
  await site.newKey()
  const result = await client.task('RetrieveKmipServersStatus_Task')
  const [status] = childrenOf(result, 'CryptoManagerKmipClusterStatus')
  assert.equal(textAt(status, 'overallStatus'), 'yellow')
  const [away] = childrenOf(status, 'servers')
  assert.equal(textAt(away, 'status'), 'red')
  assert.equal(at(away, 'serverTrustClient'), undefined)
})
