// Veeam Backup & Replication 12 and newer. Its source is closed. From its help centre: the server makes an asymmetric pair, Veeam
// keeps the public half, and the private half decrypts. From Cosmian's guide and regression test for it: KMIP 1.4; Locate by Name,
// Create Key Pair of RSA-2048, Activate, Get of both halves without a format, Destroy; its reader takes Key Material alone inside
// Key Value, no attributes. The masks that it asks for are not known to us: those here are for encryption and signature.

import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import {
  attribute,
  locate,
  materialOf,
  nameAttribute,
  rsaPair,
  type KmipSession,
} from '../support/clients/kmip-session.ts'
import { allowOnly, useServer, type RunningServer } from '../support/server/running.ts'
import { productOf } from '../../src/features/clients/products/table.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

test('Veeam: a pair is made where none is found, and both halves are fetched', async () => {
  await allowOnly(server, ...productOf('veeam').allow)
  const find = (type: string) =>
    session.ask('1.4', 'Locate', locate([nameAttribute(`veeam ${type}`), attribute('Object Type', type)]))
  assert.deepEqual((await find('PublicKey')).UniqueIdentifier, [])
  const asked = rsaPair(['veeam PrivateKey', 9], ['veeam PublicKey', 6])
  const made = await session.ask('1.4', 'CreateKeyPair', asked)
  const [own, open] = [made.PrivateKeyUniqueIdentifier, made.PublicKeyUniqueIdentifier]
  for (const UniqueIdentifier of [own, open]) await session.ask('1.4', 'Activate', { UniqueIdentifier })
  assert.deepEqual((await find('PublicKey')).UniqueIdentifier, [open])
  assert.deepEqual(await session.values('1.4', open, 'Link'), [
    { LinkType: 'PrivateKeyLink', LinkedObjectIdentifier: own },
  ])

  const { PublicKey } = await session.ask('1.4', 'Get', { UniqueIdentifier: open })
  const { PrivateKey } = await session.ask('1.4', 'Get', { UniqueIdentifier: own })
  const [publicDer, privateDer] = [materialOf(PublicKey?.KeyBlock), materialOf(PrivateKey?.KeyBlock)]
  const publicKey = createPublicKey({ key: publicDer, format: 'der', type: 'pkcs1' })
  assert.ok(
    createPublicKey(createPrivateKey({ key: privateDer, format: 'der', type: 'pkcs1' })).equals(publicKey),
  )

  for (const UniqueIdentifier of [own, open]) {
    assert.equal(await session.refused('1.4', 'Destroy', { UniqueIdentifier }), 'PermissionDenied')
    const RevocationReason = { RevocationReasonCode: 'CessationOfOperation' } as const
    await session.ask('1.4', 'Revoke', { UniqueIdentifier, RevocationReason })
    await session.ask('1.4', 'Destroy', { UniqueIdentifier })
  }
})
