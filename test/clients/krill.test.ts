// Krill (NLnetLabs/krill, its KMIP signer; NLnetLabs/kmip-protocol). From their source: KMIP 1.2; Query of operations, objects and
// server information, whose list must hold the seven operations below; a pair of RSA-2048 with a Name and a mask of one bit on
// each half; Get of the public half, whose bytes are taken as a PKCS #1 RSAPublicKey; both halves renamed by Modify Attribute;
// Activate of the private half alone; Sign with PKCS #1 v1.5 and SHA-256. In the end the public half is destroyed Pre-Active, and
// the private one revoked and destroyed. RNG Retrieve is used where Query lists it.

import assert from 'node:assert/strict'
import { createPublicKey, randomBytes, verify } from 'node:crypto'
import { test } from 'node:test'
import { materialOf, nameAttribute, rsaPair, type KmipSession } from '../support/clients/kmip-session.ts'
import { allowOnly, useServer, type RunningServer } from '../support/server/running.ts'
import { productOf } from '../../src/features/clients/products/table.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

const required = ['CreateKeyPair', 'Activate', 'Sign', 'Revoke', 'Destroy', 'Get', 'ModifyAttribute'] as const

test('Krill: Query lists what it requires', async () => {
  await allowOnly(server, ...productOf('krill').allow)
  const QueryFunction = ['QueryOperations', 'QueryObjects', 'QueryServerInformation'] as const
  const { Operation, VendorIdentification } = await session.ask('1.2', 'Query', { QueryFunction })
  for (const operation of required) assert.ok(Operation.includes(operation), operation)
  assert.ok(VendorIdentification && Operation.includes('RNGRetrieve'))
  const { Data } = await session.ask('1.2', 'RNGRetrieve', { DataLength: 20 })
  assert.equal(Data.length, 20)
})

test('Krill: a pair is made, renamed, activated, signs and goes', async () => {
  const asked = rsaPair(['krill_new_key_priv', 1], ['krill_new_key_pub', 2])
  const made = await session.ask('1.2', 'CreateKeyPair', asked)
  const [own, open] = [made.PrivateKeyUniqueIdentifier, made.PublicKeyUniqueIdentifier]
  const { PublicKey } = await session.ask('1.2', 'Get', { UniqueIdentifier: open })
  const key = createPublicKey({ key: materialOf(PublicKey?.KeyBlock), format: 'der', type: 'pkcs1' })
  for (const [UniqueIdentifier, name] of [
    [open, 'krill-public-key-1'],
    [own, 'krill-private-key-1'],
  ] as const) {
    const renaming = { UniqueIdentifier, Attribute: nameAttribute(name) }
    const { Attribute } = await session.ask('1.2', 'ModifyAttribute', renaming)
    assert.deepEqual(Attribute?.AttributeValue, renaming.Attribute.AttributeValue)
  }

  await session.ask('1.2', 'Activate', { UniqueIdentifier: own })
  const data = randomBytes(300)
  const { SignatureData } = await session.ask('1.2', 'Sign', {
    UniqueIdentifier: own,
    CryptographicParameters: {
      PaddingMethod: 'PKCS1V1_5',
      HashingAlgorithm: 'SHA_256',
      CryptographicAlgorithm: 'RSA',
    },
    Data: Buffer.from(data),
  })
  assert.ok(verify('sha256', data, key, SignatureData ?? Buffer.of()))

  await session.ask('1.2', 'Destroy', { UniqueIdentifier: open })
  const RevocationReason = { RevocationReasonCode: 'CessationOfOperation' } as const
  await session.ask('1.2', 'Revoke', { UniqueIdentifier: own, RevocationReason })
  await session.ask('1.2', 'Destroy', { UniqueIdentifier: own })
})
