// Rook's operator (pkg/daemon/ceph/osd/kms/kmip.go): KMIP 1.4, a new TLS connection for each call, which begins with Discover
// Versions {1.4} and expects exactly that; Register of a passphrase as an AES key with the mask Export and no Name, Get, Destroy.
// Older releases state a Cryptographic Length of 256 whatever the passphrase's length is.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { maskOf } from '../../src/wire/kmip/enums.ts'
import { clientCertificate } from '../support/certificates/certificates.ts'
import {
  attribute,
  freshCall as call,
  materialOf,
  template,
  type KmipSession,
} from '../support/clients/kmip-session.ts'
import { startInProcess } from '../support/server/running.ts'
import { instanceRoutes } from '../../src/features/instances/routes.ts'
import { productOf } from '../../src/features/clients/products/table.ts'

function passphrase(bytes: Buffer, lengthBits: number) {
  return {
    ObjectType: 'SymmetricKey' as const,
    ...template([attribute('Cryptographic Usage Mask', maskOf('CryptographicUsageMask', ['Export']))]),
    SymmetricKey: {
      KeyBlock: {
        KeyFormatType: 'Raw' as const,
        KeyValue: { KeyMaterial: Buffer.from(bytes) },
        CryptographicAlgorithm: 'AES' as const,
        CryptographicLength: lengthBits,
      },
    },
  }
}

test('Rook: a passphrase of 128 bytes comes and goes; one that states 256 bits needs --lengths as-sent', async () => {
  await using server = await startInProcess()
  const identity = await clientCertificate('self-signed')
  await server.trust('rook', identity, productOf('rook').allow)
  const bytes = randomBytes(128)
  const register = (bits: number) =>
    call(server.port, identity, (session) => session.ask('1.4', 'Register', passphrase(bytes, bits)))
  const { UniqueIdentifier } = await register(1024)
  const got = await call(server.port, identity, (session) => session.ask('1.4', 'Get', { UniqueIdentifier }))
  assert.deepEqual(materialOf(got.SymmetricKey?.KeyBlock), bytes)
  await call(server.port, identity, (session) => session.ask('1.4', 'Destroy', { UniqueIdentifier }))

  const older = (session: KmipSession) => session.refused('1.4', 'Register', passphrase(bytes, 256))
  assert.equal(await call(server.port, identity, older), 'InvalidField')
  await server.admin.call(instanceRoutes.setInstance, {
    instance: 'default',
    body: { ...productOf('rook').rules },
  })
  await register(256)
  assert.equal(server.log.filter((line) => line.includes('"statedBits":256')).length, 1)
})
