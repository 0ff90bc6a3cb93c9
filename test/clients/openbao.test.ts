// OpenBao's auto-unseal by KMIP: Encrypt and Decrypt with AES-GCM under a key that stays here, the nonce of 12 bytes from the client,
// the tag in a field of its own in KMIP 1.4 and at the end of the data in older versions.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { KmipSession } from '../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../support/server/running.ts'
import { keyRoutes } from '../../src/features/keys/routes.ts'
import { productOf } from '../../src/features/clients/products/table.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
}, productOf('openbao').allow)

const CryptographicParameters = {
  BlockCipherMode: 'GCM',
  CryptographicAlgorithm: 'AES',
  TagLength: 16,
} as const

for (const version of ['1.4', '1.2'] as const)
  test(`OpenBao: a secret is sealed and opened by KMIP ${version}`, async () => {
    const { id: UniqueIdentifier } = await server.admin.call(keyRoutes.createKey, {
      instance: 'default',
      body: {},
    })
    await server.admin.call(keyRoutes.activateKey, { instance: 'default', key: UniqueIdentifier })
    const [Data, IVCounterNonce] = [randomBytes(48), randomBytes(12)]
    const { TagLength, ...older } = CryptographicParameters
    const common = {
      UniqueIdentifier,
      CryptographicParameters: version === '1.4' ? { ...older, TagLength } : older,
      IVCounterNonce,
    }
    const sealed = await session.ask(version, 'Encrypt', { ...common, Data: Buffer.from(Data) })
    assert.ok(sealed.Data)
    assert.equal(sealed.Data.length, version === '1.4' ? 48 : 64)
    const opened = await session.ask(version, 'Decrypt', {
      ...common,
      Data: sealed.Data,
      AuthenticatedEncryptionTag: sealed.AuthenticatedEncryptionTag,
    })
    assert.deepEqual(Buffer.from(opened.Data ?? []), Data)
  })
