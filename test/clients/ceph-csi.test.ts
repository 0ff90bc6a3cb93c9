// ceph-csi (internal/kms/kmip.go). From its source: KMIP 1.4 and a new TLS connection for each call, which begins with Discover
// Versions {1.4} and expects exactly that; an identifier of 16 bytes on each item, which must come back; Encrypt and Decrypt with
// AES-CBC, PKCS5 padding and a nonce of 16 bytes from the client. With USE_CRYPTO_RPC false it fetches the key and uses AES-GCM
// itself. The key is made and activated beforehand, and named by UNIQUE_IDENTIFIER.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { clientCertificate, makeCertificate } from '../support/certificates/certificates.ts'
import { freshCall, openSession, type Asked } from '../support/clients/kmip-session.ts'
import { startInProcess } from '../support/server/running.ts'
import { clientRoutes } from '../../src/features/clients/routes.ts'
import { productOf } from '../../src/features/clients/products/table.ts'

const CryptographicParameters = {
  PaddingMethod: 'PKCS5',
  CryptographicAlgorithm: 'AES',
  BlockCipherMode: 'CBC',
} as const

test('ceph-csi: the key of a volume is encrypted and decrypted, by a key that it cannot fetch', async () => {
  await using server = await startInProcess()
  const owner = await clientCertificate('self-signed')
  const csi = await makeCertificate({ commonName: 'ceph-csi', ownKey: true })
  await server.trust('owner', owner)
  const client = await server.trust('ceph-csi', csi)
  await server.admin.call(clientRoutes.setClient, {
    instance: 'default',
    client,
    body: { allow: [...productOf('ceph-csi').allow] },
  })
  using session = await openSession(server.port, owner)
  const UniqueIdentifier = await session.key('1.4')
  await session.ask('1.4', 'Activate', { UniqueIdentifier })

  const call = (asked: Asked) =>
    freshCall(server.port, csi, async (own) => await own.one('1.4', { ...asked, id: randomBytes(16) }))
  const passphrase = Buffer.from(randomBytes(20).toString('base64'))
  const common = { UniqueIdentifier, CryptographicParameters, IVCounterNonce: randomBytes(16) }
  const request = { ...common, Data: Buffer.from(passphrase) }
  const sealed = await call({ operation: 'Encrypt', request })
  assert.equal(sealed.status, 'Success', sealed.message)
  const { Data } = sealed.payload as { Data: Uint8Array }
  assert.equal(Data.length, 32)
  const opened = await call({ operation: 'Decrypt', request: { ...common, Data } })
  assert.deepEqual(Buffer.from((opened.payload as { Data: Uint8Array }).Data), passphrase)

  const get: Asked = { operation: 'Get', request: { UniqueIdentifier } }
  assert.equal((await call(get)).reason, 'PermissionDenied')
  const allow = [...productOf('ceph-csi-get').allow]
  await server.admin.call(clientRoutes.setClient, { instance: 'default', client, body: { allow } })
  assert.equal((await call(get)).status, 'Success', 'USE_CRYPTO_RPC false needs Get alone')
})
