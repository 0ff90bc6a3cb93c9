// Ceph's object gateway with SSE-KMS (src/rgw/rgw_kmip_client_impl.cc, over libkmip). From its source: KMIP 1.0 without Discover
// Versions; a header with Maximum Response Size and Time Stamp, no identifier on the item; Locate by Name, then Get, which must be
// a symmetric key in Raw format. Connections are kept for some seconds and used again, so a call may come on an old connection or
// on a new one. libkmip's size of a message, 8192, is the limit that it states.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientCertificate } from '../support/certificates/certificates.ts'
import {
  locate,
  nameAttribute,
  openSession,
  type Asked,
  type KmipSession,
} from '../support/clients/kmip-session.ts'
import { startInProcess } from '../support/server/running.ts'
import { clientRoutes } from '../../src/features/clients/routes.ts'
import { productOf } from '../../src/features/clients/products/table.ts'

async function call(session: KmipSession, asked: Asked): Promise<unknown> {
  const timeStamp = BigInt(Math.floor(Date.now() / 1000))
  const told = await session.one('1.0', asked, { maximumResponseSize: 8192, timeStamp })
  assert.equal(told.status, 'Success', told.message)
  return told.payload
}

test('RGW: a key is found by its Name and fetched, on a kept connection and on a new one', async () => {
  await using server = await startInProcess()
  const identity = await clientCertificate('self-signed')
  await server.trust('rgw', identity)
  using kept = await openSession(server.port, identity)
  using fresh = await openSession(server.port, identity)
  const name = nameAttribute('mybucketkey')
  const id = await kept.key('1.0', [name])
  const allow = [...productOf('ceph-rgw').allow]
  await server.admin.call(clientRoutes.setClient, { instance: 'default', client: 'rgw', body: { allow } })

  for (const session of [kept, kept, fresh]) {
    const found = await call(session, { operation: 'Locate', request: locate([name]) })
    assert.deepEqual((found as { UniqueIdentifier: string[] }).UniqueIdentifier, [id])
    const got = await call(session, { operation: 'Get', request: { UniqueIdentifier: id } })
    const { ObjectType, SymmetricKey } = got as {
      ObjectType: string
      SymmetricKey: { KeyBlock: { KeyFormatType: string } }
    }
    assert.deepEqual([ObjectType, SymmetricKey.KeyBlock.KeyFormatType], ['SymmetricKey', 'Raw'])
  }
})
