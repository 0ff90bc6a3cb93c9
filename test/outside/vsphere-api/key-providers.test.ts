// Key providers: what is read of answers that vcsim does not give, and the exact form of requests.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { VsphereError } from '../../../src/outside/vsphere-api/errors.ts'
import { KeyProviders } from '../../../src/outside/vsphere-api/key-providers.ts'
import { openSession } from '../../../src/outside/vsphere-api/session.ts'
import { ApiServer, type ApiReply } from './api-server.ts'

async function site(t: TestContext, replies: Readonly<Record<string, ApiReply>>) {
  const server = await ApiServer.start(t, replies)
  const session = await openSession(server.connect(t), { user: 'u', password: Buffer.from('p') })
  return { server, session }
}

function isAnswerError(message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof VsphereError && error.kind === 'answer', String(error))
    assert.match(error.message, message)
    return true
  }
}

function provider(name: string, more: string): string {
  return `<returnval><clusterId><id>${name}</id></clusterId>${more}</returnval>`
}

test('requests have their fields in the order of the schema', async (t) => {
  const { server, session } = await site(t, { RegisterKmipServer: '', UploadClientCert: '', MarkDefault: '' })
  const providers = new KeyProviders(session)
  const sent = () => /<_this.*<\/_this>(.*)<\/\w+><\/soapenv:Body>/.exec(server.calls.at(-1)?.body ?? '')?.[1]
  await providers.register('P & Q', { name: 'n', address: '::1', port: 5696 })
  assert.equal(
    sent(),
    '<server><clusterId><id>P &amp; Q</id></clusterId><info><name>n</name><address>::1</address><port>5696</port><userName></userName></info><password></password></server>',
  )
  await providers.uploadClientCertificate('P', 'pem', Buffer.from('key'))
  assert.equal(
    sent(),
    '<cluster><id>P</id></cluster><certificate>pem</certificate><privateKey>key</privateKey>',
  )
  await providers.makeDefault('P')
  assert.equal(sent(), '<clusterId><id>P</id></clusterId>')
})

test('only providers of the kind standard are listed, and wrong ones are refused', async (t) => {
  const { server, session } = await site(t, {
    ListKmipServers: [
      provider('A', '<useAsDefault>true</useAsDefault>'),
      provider('B', '<useAsDefault>false</useAsDefault><managementType>vCenter</managementType>'),
      provider('C', '<useAsDefault>false</useAsDefault><managementType>nativeProvider</managementType>'),
      provider('D', '<useAsDefault>false</useAsDefault><managementType>trustAuthority</managementType>'),
    ].join(''),
  })
  const providers = new KeyProviders(session)
  assert.deepEqual(await providers.list(), [
    { name: 'A', isDefault: true, servers: [] },
    { name: 'B', isDefault: false, servers: [] },
  ])
  const server1 = '<name>n</name><address>a</address><port>x</port>'
  server.replies = {
    ...server.replies,
    ListKmipServers: provider('A', `<servers>${server1}</servers>`),
  }
  await assert.rejects(providers.list(), isAnswerError(/lacks servers\.port/))
  server.replies = { ...server.replies, ListKmipServers: provider('A', '').repeat(1_001) }
  await assert.rejects(providers.list(), isAnswerError(/more than 1000 key providers/))
})

test('a status with words of its own is gray, and its text is bounded', async (t) => {
  const words = `a${'\n'.repeat(10)}b${'x'.repeat(5_000)}`
  const status = `<CryptoManagerKmipClusterStatus><clusterId><id>P</id></clusterId><overallStatus>violet</overallStatus>
    <servers><name>n</name><status>yellow</status><connectionStatus>${words}</connectionStatus></servers>
    <servers><name>m</name><status>gray</status><connectionStatus></connectionStatus><clientTrustServer>1</clientTrustServer></servers>
    </CryptoManagerKmipClusterStatus>`
  const { session } = await site(t, {
    RetrieveKmipServersStatus_Task: '<returnval type="Task">task-1</returnval>',
    RetrievePropertiesEx: `<returnval><objects><propSet><name>info</name><val><state>success</state><result>${status}</result></val></propSet></objects></returnval>`,
  })
  const { health, servers } = await new KeyProviders(session).status('P')
  assert.equal(health, 'gray')
  const [first, second] = servers
  assert.match(first?.connection ?? '', /^a bx+\.\.\.$/)
  assert.equal(first?.connection?.length, 503)
  assert.deepEqual(second, {
    name: 'm',
    health: 'gray',
    connection: undefined,
    serverTrustsClient: undefined,
    clientTrustsServer: true,
  })
})

test('a vCenter without encryption has no key providers, and one without words has its fault', async (t) => {
  const { server, session } = await site(t, {
    GenerateKey:
      '<returnval><keyId><keyId/></keyId><success>false</success><fault><fault xsi:type="RuntimeFault"/><localizedMessage>why</localizedMessage></fault></returnval>',
    QueryCryptoKeyStatus: '<returnval><keyId><keyId>k</keyId></keyId></returnval>',
    HasPrivilegeOnEntities: '',
  })
  const providers = new KeyProviders(session)
  await assert.rejects(providers.makeKey('P'), /GenerateKey: RuntimeFault: why$/)
  await assert.rejects(providers.findKey('P', 'k'), isAnswerError(/lacks keyAvailable/))
  await assert.rejects(
    providers.missingPrivileges(['A.B']),
    isAnswerError(/which privileges there are on Folder group-d1/),
  )
  await assert.rejects(providers.missingPrivileges(Array<string>(101).fill('A.B')), RangeError)
  const { RetrieveServiceContent: content } = server.replies
  assert.ok(typeof content === 'string')
  const without = content.replace(/<cryptoManager.*<\/cryptoManager>/, '')
  const old = await site(t, { RetrieveServiceContent: without })
  assert.throws(() => new KeyProviders(old.session), isAnswerError(/has no key providers/))
})
