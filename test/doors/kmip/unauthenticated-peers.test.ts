// Peers that are not trusted (design: invariant 11), at the KMIP listener: every item fails, Discover Versions and Query included,
// the connection stays usable, and trust and its withdrawal take effect on the next message of an open connection.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { untrustedMessageBytesMax } from '../../../src/base/bounds.ts'
import {
  clientCertificate,
  makeCertificate,
  type TestIdentity,
} from '../../support/certificates/certificates.ts'
import {
  aes,
  attributesOf,
  batch,
  openSession,
  served,
  template,
  type Asked,
  type KmipSession,
} from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { find, numberOf, read } from '../../support/clients/wire.ts'
import { until } from '../../support/time/until.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

const discover: Asked = { operation: 'DiscoverVersions', request: { ProtocolVersion: [] } }
const query: Asked = { operation: 'Query', request: { QueryFunction: ['QueryServerInformation'] } }
const create: Asked = { operation: 'Create', request: aes() }
const refused = 'AuthenticationNotSuccessful'

async function stranger(commonName: string): Promise<TestIdentity> {
  return makeCertificate({ key: 'ec', ownKey: true, commonName })
}

async function opaqueOf(bytes: number): Promise<Buffer> {
  const payload = encodeRequestPayload(
    'Register',
    {
      ObjectType: 'OpaqueObject',
      ...template([]),
      OpaqueObject: { OpaqueDataType: 0x80000000, OpaqueDataValue: Buffer.alloc(bytes) },
    },
    '1.4',
  )
  return encodeRequest({ version: '1.4', items: [{ operation: 'Register', payload }] })
}

async function everythingRefused(one: KmipSession, why: RegExp): Promise<void> {
  for (const version of served) {
    const told = await one.send(version, batch(query, create, { operation: 'Get', request: {} }))
    assert.deepEqual(
      told.map(({ reason }) => reason),
      [refused, refused, refused],
    )
    for (const { message } of told) assert.match(message ?? '', why)
    if (version === '1.0') continue
    assert.equal((await one.one(version, discover)).reason, refused)
  }
}

test('an unknown certificate: every item is refused, and trust takes effect on the next message', async () => {
  const identity = await stranger('newcomer')
  const { sha256 } = identity.certificate
  using one = await openSession(server.port, identity)
  await everythingRefused(one, new RegExp(sha256))
  const pending = await server.admin.call(clientRoutes.listPending)
  assert.ok(pending.some((client) => client.sha256 === sha256))
  const body = { by: 'pending', name: 'newcomer', sha256 } as const
  const { id } = await server.admin.call(clientRoutes.trustClient, { instance: 'default', body })
  assert.equal((await one.one('1.1', discover)).status, 'Success')
  const key = await one.key('1.1')
  await session.ask('1.1', 'Get', { UniqueIdentifier: key })

  await server.admin.call(clientRoutes.removeClient, { instance: 'default', client: id })
  await everythingRefused(one, new RegExp(sha256))
  await session.ask('1.1', 'Get', { UniqueIdentifier: key })
})

test('no certificate at all', async () => {
  using one = await openSession(server.port)
  await everythingRefused(one, /certificate/)
  const pending = await server.admin.call(clientRoutes.listPending)
  assert.ok(pending.every(({ sha256 }) => sha256.length === 64))
})

test('a certificate that is blocked while its connection is open', async () => {
  const identity = await stranger('blocked')
  await server.trust('blocked', identity)
  using one = await openSession(server.port, identity)
  await one.key('1.1')
  const { sha256 } = identity.certificate
  await server.admin.call(clientRoutes.blockCertificate, { body: { sha256, reason: 'stolen' } })
  await everythingRefused(one, /blocked/)
  using again = await openSession(server.port, identity)
  await everythingRefused(again, /blocked/)
})

test('a certificate that expired long ago, trusted or not', async () => {
  const identity = await clientCertificate('expired')
  using one = await openSession(server.port, identity)
  assert.equal((await one.one('1.1', discover)).reason, refused)
})

test('a message of over 8 KiB from a stranger is refused unread, one of a client is taken', async () => {
  using one = await openSession(server.port, await stranger('large'))
  const small = read(await one.exchange(await opaqueOf(7 * 1024)))
  assert.equal(numberOf(find(small, 'BatchItem', 'ResultReason')), 3)
  const answer = await one.client.ask((await opaqueOf(64 * 1024)).subarray(0, 16 * 1024))
  const item = answer && find(read(answer), 'BatchItem')
  assert.equal(numberOf(find(item, 'ResultStatus')), 1)
  assert.equal(find(item, 'Operation'), undefined)
  await one.client.ended
  const taken = read(await session.exchange(await opaqueOf(64 * 1024)))
  assert.equal(numberOf(find(taken, 'BatchItem', 'ResultStatus')), 0)
})

test('a batch of very many items of a stranger gets an answer that is no longer than a message of it may be', async () => {
  using one = await openSession(server.port, await stranger('batches'))
  const payload = encodeRequestPayload('Query', query.request, '1.4')
  const whole = encodeRequest({ version: '1.4', items: [{ operation: 'Query', payload }] })
  const headerEnd = 16 + whole.readUInt32BE(12)
  const items = Buffer.alloc(8 * 900)
  for (let at = 0; at < items.length; at += 8) items.writeUInt32BE(0x42000f01, at)
  const message = Buffer.concat([whole.subarray(0, headerEnd), items])
  message.writeUInt32BE(message.length - 8, 4)
  // Batch Count is the last field of the header.
  message.writeInt32BE(900, headerEnd - 8)
  const answer = await one.client.ask(message)
  assert.equal(numberOf(find(read(answer ?? message), 'BatchItem', 'ResultReason')), 3)
  assert.ok((answer?.length ?? 0) <= untrustedMessageBytesMax, `${answer?.length} bytes`)
})

test('a refused stranger changes nothing, and is entered once a minute', async () => {
  const identity = await stranger('insistent')
  using one = await openSession(server.port, identity)
  for (let count = 0; count < 20; count++) await one.one('1.1', create)
  const query = { limit: 100, certificate: identity.certificate.sha256 }
  const listed = async () => (await server.admin.call(auditRoutes.listAudit, { query })).entries
  // It is entered beside its answer.
  await until(async () => (await listed()).length > 0)
  assert.deepEqual(
    (await listed()).map(({ action, result }) => [action, result]),
    [['kmip.refused', 'refused']],
  )
})

test('another certificate of a client that is trusted already', async () => {
  const renewed = await stranger('renewed')
  using one = await openSession(server.port, renewed)
  assert.equal((await one.one('1.1', discover)).reason, refused)
  await server.trust('vcenter', renewed)
  const id = await session.key('1.1')
  await one.ask('1.1', 'GetAttributes', attributesOf(id, 'State'))
})

test('a stranger with a name that a client has is a stranger', async () => {
  const known = await clientCertificate('self-signed')
  const same = await makeCertificate({ ownKey: true, commonName: known.certificate.commonName ?? '' })
  assert.equal(same.certificate.subject, known.certificate.subject)
  using one = await openSession(server.port, same)
  assert.equal((await one.one('1.1', discover)).reason, refused)
})
