// pg_tde with Percona's libkmip of before April 2025: Register of an AES key under its Name, with Key Compression Type EC Public
// Key Type Uncompressed on the symmetric key; then Locate by Name and Get.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aes256, locate, nameAttribute, template, type KmipSession } from '../support/clients/kmip-session.ts'
import { useServer } from '../support/server/running.ts'
import { productOf } from '../../src/features/clients/products/table.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
}, productOf('pg-tde').allow)

test('pg_tde: the principal key is registered, found by its Name and fetched', async () => {
  const name = nameAttribute('pg_tde_principal_key')
  const { UniqueIdentifier } = await session.ask('1.0', 'Register', {
    ObjectType: 'SymmetricKey',
    ...template([...aes256, name]),
    SymmetricKey: {
      KeyBlock: {
        KeyFormatType: 'Raw',
        KeyCompressionType: 'ECPublicKeyTypeUncompressed',
        KeyValue: { KeyMaterial: Buffer.alloc(32, 9) },
        CryptographicAlgorithm: 'AES',
        CryptographicLength: 256,
      },
    },
  })
  const found = await session.ask('1.0', 'Locate', locate([name]))
  assert.deepEqual(found.UniqueIdentifier, [UniqueIdentifier])
  const { SymmetricKey } = await session.ask('1.0', 'Get', { UniqueIdentifier })
  assert.equal(SymmetricKey?.KeyBlock.KeyCompressionType, undefined)
})
