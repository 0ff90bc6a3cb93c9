// A client that took the server role (KMIP 2.1 §6.1.54, §6.2.2, §6.2.3) is told on its connection what changes in its instance: by Put of
// what is new, by Notify of attributes, as far as it may, in order, one after the other.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterEach, test } from 'node:test'
import { decodeRequest, encodeResponse } from '../../../src/wire/kmip/message.ts'
import type { WireCredential } from '../../../src/wire/kmip/credential.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { codeOf, enums } from '../../../src/wire/kmip/enums.ts'
import { decodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { decodeResponse, encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import {
  noticesQueuedBytesMax,
  noticesQueuedMax,
  serverRolesPerPartyMax,
} from '../../../src/core/operations/notifier.ts'
import { makeCertificate, type TestIdentity } from '../../support/certificates/certificates.ts'
import {
  aes,
  attribute,
  batch,
  materialOf,
  openSession,
  type Asked,
  type KmipSession,
} from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'

let server: RunningServer
let session: KmipSession
let identity: TestIdentity
useServer((started, opened) => {
  server = started
  session = opened
})

const toldNames = ['Notify', 'Put'] as const

/** A client of its own that may do no more than this, with the server role on a connection. */
async function listener(...allow: string[]): Promise<KmipSession> {
  const name = `listener-${allow.join('-')}-${randomUUID()}`
  identity = await makeCertificate({ key: 'ec', ownKey: true, commonName: name })
  await server.trust(name, identity)
  const body = { allow: ['SetEndpointRole', ...allow] }
  await server.admin.call(clientRoutes.setClient, { instance: 'default', client: name, body })
  const opened = await openSession(server.port, identity)
  open.push(opened)
  assert.deepEqual(await opened.ask('2.1', 'SetEndpointRole', { EndpointRole: 'Client' }), {
    EndpointRole: 'Client',
  })
  return opened
}

const open: KmipSession[] = []
afterEach(() => {
  for (const one of open.splice(0)) one.client.close()
})

/** One more connection of the newest client. */
async function again(): Promise<KmipSession> {
  const opened = await openSession(server.port, identity)
  open.push(opened)
  return opened
}

/** The next request of the server, which the client then answers. */
async function told(client: KmipSession, refuse = false) {
  const bytes = (await client.client.message()) ?? assert.fail('the connection ended')
  const request = decodeRequest(bytes)
  assert.equal(request.version, '2.1')
  const [item, ...more] = request.items
  assert.ok(item && more.length === 0)
  const operation =
    toldNames.find((one) => one === item.operation) ?? assert.fail(`${item.operation} is no notice`)
  const payload = decodeRequestPayload(operation, item.payload, request)
  const status = refuse
    ? ({ status: 'OperationFailed', reason: 'OperationNotSupported', message: 'no' } as const)
    : ({ status: 'Success', payload: Buffer.from('42007c0100000000', 'hex') } as const)
  const answer = { operationCode: codeOf('Operation', operation), ...status }
  client.client.send(encodeResponse({ version: '2.1', timeStamp: 1n, items: [answer] }))
  return { operation, payload: payload as Request<'Notify'> & Partial<Request<'Put'>> }
}

test('what is new is put, with its key and attributes, and changes are notified, in order', async () => {
  const client = await listener('Put', 'Notify')
  const UniqueIdentifier = await session.key('1.4', [attribute('Contact Information', 'me')])
  const put = await told(client)
  assert.deepEqual(
    [put.operation, put.payload.UniqueIdentifier, put.payload.PutFunction],
    ['Put', UniqueIdentifier, 'New'],
  )
  assert.equal(put.payload.Attributes?.['ContactInformation'], 'me')
  const { SymmetricKey } = await session.ask('1.4', 'Get', { UniqueIdentifier })
  assert.deepEqual(materialOf(put.payload.SymmetricKey?.KeyBlock), materialOf(SymmetricKey?.KeyBlock))
  await session.ask('1.4', 'Activate', { UniqueIdentifier })
  const activated = await told(client)
  assert.equal(activated.operation, 'Notify')
  const { State, ContactInformation } = activated.payload.Attributes ?? assert.fail('no attributes')
  assert.deepEqual([State, ContactInformation], ['Active', undefined])
  await session.ask('2.1', 'DeleteAttribute', { UniqueIdentifier, AttributeReference: 'ContactInformation' })
  assert.deepEqual((await told(client)).payload.AttributeReference, ['ContactInformation'])
  const { entries } = await server.admin.call(auditRoutes.listAudit, { query: { limit: 10 } })
  const gets = entries.filter(({ action, object }) => action === 'key.get' && object === UniqueIdentifier)
  assert.deepEqual(
    gets.map(({ detail }) => detail?.['operation']),
    [undefined, 'Put'],
  )
})

test('a key that takes the place of another one is put as its replacement, and the other is notified', async () => {
  const UniqueIdentifier = await session.key('1.4')
  const client = await listener('Put', 'Notify')
  const { UniqueIdentifier: next } = await session.ask('1.4', 'ReKey', { UniqueIdentifier })
  const notices = [await told(client), await told(client)]
  const put = notices.find(({ operation }) => operation === 'Put')?.payload
  assert.deepEqual(
    [put?.UniqueIdentifier, put?.PutFunction, put?.ReplacedUniqueIdentifier],
    [next, 'Replace', UniqueIdentifier],
  )
  const notify = notices.find(({ operation }) => operation === 'Notify')?.payload
  assert.equal(notify?.UniqueIdentifier, UniqueIdentifier)
})

test('a client is told only what it may be told, and a sensitive key is never put', async () => {
  const [puts, notified] = [await listener('Put'), await listener('Notify')]
  const UniqueIdentifier = await session.key('1.4')
  assert.equal((await told(puts)).operation, 'Put')
  const news = await told(notified)
  assert.deepEqual([news.operation, news.payload.UniqueIdentifier], ['Notify', UniqueIdentifier])
  assert.equal(news.payload.Attributes?.['CryptographicLength'], 256)
  await session.ask('1.4', 'Activate', { UniqueIdentifier })
  assert.equal((await told(notified)).operation, 'Notify')
  await session.key('1.4', [attribute('Sensitive', true)])
  assert.equal((await told(notified)).payload.Attributes?.['Sensitive'], true)
  const last = await session.key('1.4')
  assert.equal(
    (await told(puts)).payload.UniqueIdentifier,
    last,
    'neither the activation nor the sensitive key',
  )
})

test('a notice that is refused is answered, and the next one follows', async () => {
  const client = await listener('Notify')
  const UniqueIdentifier = await session.key('1.4')
  await told(client, true)
  await session.ask('1.4', 'Activate', { UniqueIdentifier })
  assert.equal((await told(client)).payload.Attributes?.['State'], 'Active')
})

test('what is undone is told to nobody, and neither is another instance', async () => {
  const client = await listener('Notify')
  const refused = { operation: 'Get', request: { UniqueIdentifier: 'none' } } as const
  await session.send(
    '1.4',
    [
      { operation: 'Create', request: aes(), id: Buffer.of(1) },
      { ...refused, id: Buffer.of(2) },
    ],
    {
      batchErrorContinuationOption: 'Undo',
    },
  )
  const UniqueIdentifier = await session.key('1.4')
  assert.equal((await told(client)).payload.UniqueIdentifier, UniqueIdentifier)
})

test('a request of a client that gave the role away ends the connection', async () => {
  const client = await listener('Notify')
  const payload = encodeRequestPayload('DiscoverVersions', { ProtocolVersion: [] }, '2.1')
  client.client.send(encodeRequest({ version: '2.1', items: [{ operation: 'DiscoverVersions', payload }] }))
  assert.equal(await client.client.message(), undefined)
})

test('an answer that is none ends the connection', async () => {
  const client = await listener('Notify')
  await session.key('1.4')
  assert.ok(await client.client.message())
  client.client.send(Buffer.from('42007b0100000000', 'hex'))
  assert.equal(await client.client.message(), undefined)
})

test('a client that loses its trust is told nothing more', async () => {
  const client = await listener('Notify')
  const body = { sha256: identity.certificate.sha256, reason: 'test' }
  await server.admin.call(clientRoutes.blockCertificate, { body })
  await session.key('1.4')
  assert.equal(await client.client.message(), undefined)
})

test('the server keeps its role where the client asks it to, and a message in a batch can change it', async () => {
  const name = 'keeps'
  identity = await makeCertificate({ key: 'ec', ownKey: true, commonName: name })
  await server.trust(name, identity)
  const client = await openSession(server.port, identity)
  open.push(client)
  await client.ask('2.1', 'SetEndpointRole', { EndpointRole: 'Server' })
  await client.ask('2.1', 'Ping', {})
  const items = (['Ping', 'SetEndpointRole'] as const).map((operation, index) => ({
    operation,
    uniqueBatchItemId: Buffer.of(index),
    payload:
      operation === 'Ping'
        ? encodeRequestPayload('Ping', {}, '2.1')
        : encodeRequestPayload('SetEndpointRole', { EndpointRole: 'Client' }, '2.1'),
  }))
  const answer = decodeResponse(await client.exchange(encodeRequest({ version: '2.1', items })))
  assert.deepEqual(
    answer.items.map(({ status }) => status),
    ['Success', 'Success'],
  )
  const UniqueIdentifier = await session.key('1.4')
  assert.equal((await told(client)).payload.UniqueIdentifier, UniqueIdentifier)
})

const ping = encodeRequest({
  version: '2.1',
  items: [{ operation: 'Ping', payload: encodeRequestPayload('Ping', {}, '2.1') }],
})

/** A batch whose second item is done for both halves of a key pair, so that the answer has one item more than the request. */
const repeated = (second: Asked): readonly Asked[] => [
  {
    operation: 'CreateKeyPair',
    request: {
      CommonAttributes: { Attribute: [], CryptographicAlgorithm: 'ECDSA', CryptographicLength: 256 },
      PrivateKeyAttributes: { Attribute: [], CryptographicUsageMask: 1 },
      PublicKeyAttributes: { Attribute: [], CryptographicUsageMask: 2 },
    },
  },
  second,
  { operation: 'SetEndpointRole', request: { EndpointRole: 'Client' } },
]
const bothHalves = { type: 'Enumeration', value: enums.UniqueIdentifier.CreateKeyPair.code } as const

async function reasons(
  client: KmipSession,
  asked: readonly Asked[],
  credentials: readonly WireCredential[] = [],
) {
  const items = asked.map(({ operation, request }, index) => ({
    operation,
    uniqueBatchItemId: Buffer.of(index),
    payload: encodeRequestPayload(operation, request as never, '2.1'),
  }))
  const option = { batchErrorContinuationOption: 'Continue' } as const
  const bytes = encodeRequest({ version: '2.1', items, credentials, ...option })
  return decodeResponse(await client.exchange(bytes)).items.map(({ status, reason }) => reason ?? status)
}

test('the role is taken with the item that asks for it, wherever the answer has it', async () => {
  await listener('all')
  using client = await again()
  const check = { UniqueIdentifier: bothHalves, CryptographicUsageMask: 1 }
  const told = await reasons(client, repeated({ operation: 'Check', request: check }))
  assert.deepEqual(told, ['Success', 'Success', 'IncompatibleCryptographicUsageMask', 'Success'])
  assert.ok((await client.client.ask(ping)) === undefined, 'this client asks nothing any more')
})

test('a refused item gives nobody the role, whichever other item of the batch succeeds', async () => {
  await listener('all')
  using client = await again()
  const { Ticket } = await client.ask('2.1', 'DelegatedLogin', { Rights: { Right: [{}] } })
  const credentials = [{ CredentialType: 'Ticket', CredentialValue: { Ticket } }] satisfies WireCredential[]
  const read = { UniqueIdentifier: bothHalves, AttributeReference: [] }
  const told = await reasons(client, repeated({ operation: 'GetAttributes', request: read }), credentials)
  assert.deepEqual(told, ['Success', 'Success', 'Success', 'PermissionDenied'])
  await client.ask('2.1', 'Ping', {})
})

test('a client has the role on so many connections, and one that ends makes room', async () => {
  const first = await listener('Notify')
  for (let count = 1; count < serverRolesPerPartyMax; count++)
    await (await again()).ask('2.1', 'SetEndpointRole', { EndpointRole: 'Client' })
  const one = await again()
  assert.equal(await one.refused('2.1', 'SetEndpointRole', { EndpointRole: 'Client' }), 'PermissionDenied')
  first.client.end()
  await first.client.ended
  await one.ask('2.1', 'SetEndpointRole', { EndpointRole: 'Client' })
})

test('a client that does not keep up loses its connection, and the others nothing', async () => {
  const slow = await listener('Notify')
  const create = Array.from({ length: 501 }, () => ({ operation: 'Create', request: aes() }) as const)
  for (let count = 0; count * create.length <= noticesQueuedMax; count++)
    await session.send(
      '1.4',
      batch(...create).map((one, index) => ({ ...one, id: Buffer.from(String(index)) })),
    )
  assert.ok(await slow.client.message(), 'the first notice, which it does not answer')
  assert.equal(await slow.client.message(), undefined)
  assert.ok(server.log.some((line) => line.includes('does not keep up')))
  await session.ask('2.1', 'Ping', {})
})

/** How many clients did not keep up so far. */
const ended = () => server.log.filter((line) => line.includes('does not keep up')).length

test('changes that wait for a client that does not keep up take little memory, however large the objects are', async () => {
  const slow = await listener('Notify')
  const before = ended()
  const letters = 'x'.repeat(200_000)
  const large = attribute('x-large', { type: 'TextString', value: letters })
  const UniqueIdentifier = await session.key('1.4', [large, attribute('Contact Information', 'me')])
  for (let bytes = 0; bytes <= noticesQueuedBytesMax; bytes += letters.length)
    await session.ask('1.4', 'ModifyAttribute', {
      UniqueIdentifier,
      Attribute: attribute('Contact Information', String(bytes)),
    })
  assert.ok(await slow.client.message(), 'the first notice, which it does not answer')
  assert.equal(await slow.client.message(), undefined)
  assert.equal(ended(), before + 1)
})

/** The newest client, as the administrator knows it. */
const newest = () => identity.certificate.subject.replace('CN=', '')

test('a client that another instance has now is told nothing of the one where it took the role', async () => {
  const client = await listener('Put', 'Notify')
  await server.admin.call(instanceRoutes.createInstance, { body: { name: 'moved-to' } })
  const { pem: certificate } = identity.certificate
  const body = { by: 'certificate' as const, name: 'moved', certificate, allow: ['all'] }
  await server.admin.call(clientRoutes.removeClient, { instance: 'default', client: newest() })
  await server.admin.call(clientRoutes.trustClient, { instance: 'moved-to', body })
  await session.key('1.4', [attribute('Contact Information', 'secret')])
  assert.equal(await client.client.message(), undefined)
})

test('a client with another password has the role no longer', async () => {
  const client = await listener('Put', 'Notify')
  const credential = { mode: 'required', userName: 'u', password: 'another password' } as const
  await server.admin.call(clientRoutes.setClient, {
    instance: 'default',
    client: newest(),
    body: { credential },
  })
  await session.key('1.4')
  assert.equal(await client.client.message(), undefined)
})

test('a ticket does not take the server role, which would outlive it and its rights', async () => {
  await listener('Put', 'Notify', 'DelegatedLogin', 'Login')
  using client = await again()
  const Right = [{ Operations: { Operation: ['SetEndpointRole' as const] } }]
  const { Ticket } = await client.ask('2.1', 'DelegatedLogin', { RequestCount: 1, Rights: { Right } })
  const credentials = [{ CredentialType: 'Ticket', CredentialValue: { Ticket } }] satisfies WireCredential[]
  const asked = { operation: 'SetEndpointRole', request: { EndpointRole: 'Client' } } as const
  assert.equal((await client.one('2.1', asked, { credentials })).reason, 'PermissionDenied')
})
