// Key providers by the client of vCenter's API: vcsim behind the proxy, and a real Mortise server as the key server.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../../src/host/system-clock.ts'
import { makeAuthority, signRequest } from '../../../src/core/pki/issue.ts'
import { VsphereConnection } from '../../../src/outside/vsphere-api/connection.ts'
import { VsphereError, type VsphereErrorKind } from '../../../src/outside/vsphere-api/errors.ts'
import { KeyProviders, type KmipServer } from '../../../src/outside/vsphere-api/key-providers.ts'
import {
  missingPrivileges,
  openSession,
  type VsphereSession,
} from '../../../src/outside/vsphere-api/session.ts'
import { taskResult } from '../../../src/outside/vsphere-api/tasks.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { ProxySite } from './proxy-site.ts'

interface Site extends Pick<ProxySite, 'vcenter' | 'mortise'> {
  readonly proxy: ProxySite
  readonly session: VsphereSession
  readonly providers: KeyProviders
  /** The Mortise server. */
  readonly server: KmipServer
}

function providerTest(name: string, run: (site: Site, t: TestContext) => Promise<void>): void {
  test(name, { timeout: vcsimTestTimeoutMs }, async (t) => {
    const proxy = await ProxySite.start(t, { arguments: ['-vm', '0'] })
    if (!proxy) return
    const { vcenter, mortise } = proxy
    const session = await logIn(t, proxy)
    const server = { name: 'mortise', address: '127.0.0.1', port: mortise.port }
    await run({ proxy, vcenter, mortise, session, providers: new KeyProviders(session), server }, t)
  })
}

async function logIn(t: TestContext, { vcenter }: ProxySite): Promise<VsphereSession> {
  const { host, port, shown, username: user, password } = vcenter
  const trust = { fingerprint: shown.sha256 }
  const connection = new VsphereConnection({ address: { host, port }, trust, clock: systemClock })
  const session = await openSession(connection, { user, password: Buffer.from(password) })
  t.after(async () => {
    await session.end()
    connection.close()
  })
  return session
}

function isError(kind: VsphereErrorKind, message: RegExp, fault?: string) {
  return (error: unknown) => {
    assert.ok(error instanceof VsphereError, String(error))
    assert.equal(error.kind, kind, error.message)
    assert.match(error.message, message)
    if (fault !== undefined) assert.equal(error.fault, fault)
    return true
  }
}

async function trustBothWays({ proxy, providers }: Site): Promise<void> {
  await providers.trustServer('P', await proxy.serverCertificate())
  await proxy.trustClient((await providers.clientCertificate('P')) ?? '')
}

providerTest('from nothing to a provider that is green, and to a key that was fetched', async (site) => {
  const { proxy, providers, server, vcenter } = site
  assert.deepEqual(await providers.list(), [])
  await providers.register('P', server)
  assert.deepEqual(await providers.list(), [{ name: 'P', isDefault: true, servers: [server] }])

  const untrusted = await providers.status('P')
  assert.equal(untrusted.health, 'red')
  assert.equal(untrusted.servers[0]?.clientTrustsServer, false)
  assert.match(untrusted.servers[0].connection ?? '', /the certificate of the server is not trusted/)

  await providers.trustServer('P', await proxy.serverCertificate())
  const half = await providers.status('P')
  assert.equal(half.health, 'red')
  assert.deepEqual(
    half.servers.map(({ clientTrustsServer, serverTrustsClient }) => [
      clientTrustsServer,
      serverTrustsClient,
    ]),
    [[true, false]],
  )
  await assert.rejects(
    providers.makeKey('P'),
    isError('fault', /vCenter makes no key: Failed to create key on KMS 127\.0\.0\.1/, 'RuntimeFault'),
  )

  await trustBothWays(site)
  assert.deepEqual(await providers.status('P'), {
    health: 'green',
    servers: [
      {
        name: 'mortise',
        health: 'green',
        connection: 'Connected',
        serverTrustsClient: true,
        clientTrustsServer: true,
      },
    ],
  })

  const key = await providers.makeKey('P')
  assert.deepEqual([...(await proxy.keys())], [[key, 'PreActive']])
  const inactive = 'KeyStateNotActiveOrEnabled'
  assert.deepEqual(await providers.findKey('P', key), { isThere: true, reason: inactive })
  // A host takes a key of its own from the provider, and vCenter can then get that one.
  const [host] = await proxy.client.find('HostSystem')
  assert.ok(host)
  await proxy.client.call('PrepareCrypto', [], host)
  await proxy.client.call('ConfigureCryptoKey', [], host)
  const used = [...(await proxy.keys())].find(([, state]) => state === 'Active')?.[0] ?? ''
  assert.notEqual(used, '')
  assert.deepEqual(await providers.findKey('P', used), { isThere: true, reason: '' })
  const missing = await providers.findKey('P', randomUUID())
  assert.deepEqual(missing, { isThere: false, reason: 'KeyStateMissingInKMS' })
  assert.equal((await providers.findKey('R', used)).isThere, false)
  assert.deepEqual(await vcenter.violations(), [])
})

providerTest('two servers, one of them away; a second provider, and the default', async (site) => {
  const { providers, server } = site
  const away = { name: 'away', address: '127.0.0.1', port: 1 }
  await providers.register('P', away)
  await providers.register('P', server)
  await providers.register('Q', server)
  assert.deepEqual(await providers.list(), [
    { name: 'P', isDefault: true, servers: [away, server] },
    { name: 'Q', isDefault: false, servers: [server] },
  ])
  await trustBothWays(site)
  const { health, servers } = await providers.status('P')
  assert.equal(health, 'yellow')
  assert.deepEqual(
    servers.map((one) => [one.name, one.health, one.serverTrustsClient]),
    [
      ['away', 'red', undefined],
      ['mortise', 'green', true],
    ],
  )
  assert.match(servers[0]?.connection ?? '', /Cannot connect/)
  await providers.makeKey('P')
  await providers.makeDefault('Q')
  assert.deepEqual(
    (await providers.list()).map(({ isDefault }) => isDefault),
    [false, true],
  )
  await assert.rejects(providers.register('P', server), isError('fault', /RegisterKmipServer: RuntimeFault/))
})

providerTest('each kind of client certificate is put into use, and the last one alone', async (site) => {
  const { proxy, providers, server } = site
  await providers.register('P', server)
  await trustBothWays(site)
  const inUse = await providers.clientCertificate('P')
  assert.match(inUse ?? '', /BEGIN CERTIFICATE/)
  const made = await providers.makeClientCertificate('P')
  assert.equal(await providers.clientCertificate('P'), inUse)
  await providers.useClientCertificate('P', made)
  assert.equal(await providers.clientCertificate('P'), made)
  const isRefused = isError('fault', /UpdateSelfSignedClientCert: InvalidArgument/, 'InvalidArgument')
  await assert.rejects(providers.useClientCertificate('P', inUse ?? ''), isRefused)

  const ca = await makeAuthority({ commonName: 'CA of a test', nowMs: Date.now() })
  const csr = Buffer.from(await providers.clientRequest('P'))
  const signed = (await signRequest({ ca, csr, nowMs: Date.now() })).pem
  await providers.useSignedCertificate('P', signed)
  assert.equal(await providers.clientCertificate('P'), signed)
  await proxy.trustClient(signed, 'signed')
  assert.equal((await providers.status('P')).health, 'green')

  const other = await clientCertificate('self-signed-other')
  const key = Buffer.from(other.tls.key)
  await providers.uploadClientCertificate('P', other.tls.cert, key)
  assert.deepEqual(key, Buffer.from(other.tls.key))
  await proxy.trustClient(other.certificate.pem, 'other')
  assert.equal((await providers.status('P')).health, 'green')
  const wrongKey = Buffer.from((await clientCertificate('self-signed')).tls.key)
  await assert.rejects(
    providers.uploadClientCertificate('P', other.tls.cert, wrongKey),
    isError('fault', /^vCenter refuses UploadClientCert: InvalidArgument$/),
  )
})

providerTest('missing privileges are named before and by the call that is refused', async (site) => {
  const { vcenter, providers, server, session, proxy } = site
  const [servers, keys] = ['Cryptographer.ManageKeyServers', 'Cryptographer.ManageKeys']
  const both = [keys, servers]
  assert.deepEqual(await providers.missingPrivileges(both), [])
  assert.deepEqual(await providers.missingPrivileges([]), [])
  await vcenter.lackPrivileges([servers])
  assert.deepEqual(await providers.missingPrivileges(both), [servers])
  for (const work of [
    () => providers.list(),
    () => providers.register('P', server),
    () => providers.clientCertificate('P'),
  ])
    await assert.rejects(
      work,
      isError(
        'privilege',
        /the user lacks Cryptographer\.ManageKeyServers on Folder group-d1/,
        'NoPermission',
      ),
    )
  await vcenter.lackPrivileges(both)
  assert.deepEqual(await providers.missingPrivileges(both), both)
  await assert.rejects(providers.makeKey('P'), isError('privilege', /ManageKeys on/))
  await vcenter.lackPrivileges([])
  const [host] = await proxy.client.find('HostSystem')
  assert.ok(host)
  await vcenter.lackPrivileges(['Cryptographer.RegisterHost'], host)
  const object = { type: host.type, id: host.value }
  assert.deepEqual(await missingPrivileges(session, object, ['Cryptographer.RegisterHost', keys]), [
    'Cryptographer.RegisterHost',
  ])
  // The question names the session, which is a new one after its end.
  await vcenter.trouble({ on: 'HasPrivilegeOnEntities', kind: 'end-session' })
  assert.deepEqual(await providers.missingPrivileges(both), [])
})

providerTest('an unknown provider is refused by each method, by its name', async ({ providers, server }) => {
  await providers.register('P', server)
  const unknown = isError('fault', /InvalidArgument|key provider R/)
  const pem = (await clientCertificate('self-signed')).certificate.pem
  for (const work of [
    () => providers.trustServer('R', pem),
    () => providers.clientCertificate('R'),
    () => providers.makeClientCertificate('R'),
    () => providers.useClientCertificate('R', pem),
    () => providers.clientRequest('R'),
    () => providers.useSignedCertificate('R', pem),
    () => providers.uploadClientCertificate('R', pem, Buffer.from('x')),
    () => providers.status('R'),
    () => providers.makeKey('R'),
  ])
    await assert.rejects(work(), unknown, String(work))
  await assert.rejects(providers.trustServer('P', 'no PEM'), isError('fault', /UploadKmipServerCert/))
  await assert.rejects(providers.status('p'), isError('fault', /no status of the key provider p/))
})

providerTest('a vCenter that lies, and tasks that fail or never end', async (site) => {
  const { vcenter, providers, server, session } = site
  await providers.register('P', server)
  await vcenter.trouble({ on: 'RetrieveClientCert', kind: 'answer', text: '' })
  assert.equal(await providers.clientCertificate('P'), undefined)
  await vcenter.trouble({ on: 'GenerateClientCsr', kind: 'answer', text: '' })
  await assert.rejects(providers.clientRequest('P'), isError('answer', /lacks the certificate or request/))
  await vcenter.trouble({ on: 'RetrieveClientCert', kind: 'answer', text: 'x'.repeat(70_000) })
  await assert.rejects(providers.clientCertificate('P'), isError('answer', /more than 65536 bytes/))
  for (const fields of [{}, { success: 'true' }, { keyId: 'x' }] as const) {
    await vcenter.trouble({ on: 'GenerateKey', kind: 'answer', fields })
    await assert.rejects(providers.makeKey('P'), isError('answer', /lacks/))
  }
  await vcenter.trouble({
    on: 'GenerateKey',
    kind: 'answer',
    fields: { success: 'false', reason: 'no\nquorum' },
  })
  await assert.rejects(providers.makeKey('P'), isError('fault', /^vCenter makes no key: no quorum$/))
  await vcenter.trouble({ on: 'RetrieveKmipServersStatus_Task', kind: 'answer', text: '' })
  await assert.rejects(providers.status('P'), isError('answer', /lacks the task/))
  await vcenter.trouble({ on: 'RetrievePropertiesEx', kind: 'answer', fields: {} })
  await assert.rejects(providers.status('P'), isError('answer', /lacks info/))
  assert.equal((await providers.status('P')).health, 'red')

  const gone = { type: 'Task', id: 'task-999' }
  const wait = { method: 'Do_Task', withinMs: 1_000 }
  await assert.rejects(taskResult(session, gone, wait), isError('fault', /ManagedObjectNotFound/))
  const reason = new Error('no longer wanted')
  await assert.rejects(providers.status('P', AbortSignal.abort(reason)), reason)
})
