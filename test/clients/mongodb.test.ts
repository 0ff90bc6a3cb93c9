// MongoDB's drivers (libmongocrypt, kms-message/src/kms_kmip_request.c). From its source: no Discover Versions; without delegation a
// Seed of 96 bytes in Opaque format with a usage mask of 0, registered, activated and fetched in KMIP 1.0; delegated, a key
// made, and data encrypted and decrypted with AES-CBC and PKCS5 padding, in 1.2. Encrypt asks for a Random IV, and Decrypt sends
// back the one that the answer held. Activate is 1.0 in both, on any connection.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { aes, attribute, materialOf, template, type KmipSession } from '../support/clients/kmip-session.ts'
import { allowOnly, useServer, type RunningServer } from '../support/server/running.ts'
import { productOf } from '../../src/features/clients/products/table.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

const dataKey = randomBytes(96)
const cbc = { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5', CryptographicAlgorithm: 'AES' } as const

test('MongoDB, delegated: a data key is encrypted with an IV from here, and decrypted', async () => {
  await allowOnly(server, ...productOf('mongodb-delegated').allow)
  const { UniqueIdentifier } = await session.ask('1.2', 'Create', aes())
  await session.ask('1.0', 'Activate', { UniqueIdentifier })
  const ivs = new Set<string>()
  for (const _turn of [1, 2]) {
    const { Data, IVCounterNonce } = await session.ask('1.2', 'Encrypt', {
      UniqueIdentifier,
      CryptographicParameters: { ...cbc, RandomIV: true },
      Data: Buffer.from(dataKey),
    })
    assert.ok(Data?.length === 112 && IVCounterNonce?.length === 16)
    ivs.add(Buffer.from(IVCounterNonce).toString('hex'))
    const request = { UniqueIdentifier, CryptographicParameters: cbc, Data, IVCounterNonce }
    const opened = await session.ask('1.2', 'Decrypt', request)
    assert.deepEqual(Buffer.from(opened.Data ?? []), dataKey)
  }
  assert.equal(ivs.size, 2)
})

test('MongoDB: the master key is Secret Data in Opaque format, with a usage mask of 0', async () => {
  await allowOnly(server, ...productOf('mongodb').allow)
  const { UniqueIdentifier } = await session.ask('1.0', 'Register', {
    ObjectType: 'SecretData',
    ...template([attribute('Cryptographic Usage Mask', 0)]),
    SecretData: {
      SecretDataType: 'Seed',
      KeyBlock: { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial: Buffer.from(dataKey) } },
    },
  })
  await session.ask('1.0', 'Activate', { UniqueIdentifier })
  const { SecretData } = await session.ask('1.0', 'Get', { UniqueIdentifier })
  assert.deepEqual(materialOf(SecretData?.KeyBlock), dataKey)
})
