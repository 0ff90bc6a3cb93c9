// EDB Postgres with Transparent Data Encryption: edb_tde_kmip_client.py over PyKMIP, as the maker of another key server describes and
// tests it: KMIP 1.2; the data key is encrypted with AES-CBC and PKCS5 padding, with an initialization vector of the server, and
// decrypted with that vector in its own field (--variant=pykmip). --variant=thales puts it before the data.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { productOf } from '../../src/features/clients/products/table.ts'
import { keyRoutes } from '../../src/features/keys/routes.ts'
import type { KmipSession } from '../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../support/server/running.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
}, productOf('edb-tde').allow)

const cbc = { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5', CryptographicAlgorithm: 'AES' } as const

test('EDB: a data key is wrapped and unwrapped with --variant=pykmip, not with --variant=thales', async () => {
  const { id: UniqueIdentifier } = await server.admin.call(keyRoutes.createKey, {
    instance: 'default',
    body: {},
  })
  await server.admin.call(keyRoutes.activateKey, { instance: 'default', key: UniqueIdentifier })
  const dataKey = randomBytes(64)
  const common = { UniqueIdentifier, CryptographicParameters: cbc }
  const asked = { ...common, CryptographicParameters: { ...cbc, RandomIV: true }, Data: Buffer.from(dataKey) }
  const { Data, IVCounterNonce } = await session.ask('1.2', 'Encrypt', asked)
  assert.ok(Data && IVCounterNonce)
  const opened = await session.ask('1.2', 'Decrypt', { ...common, Data: Buffer.from(Data), IVCounterNonce })
  assert.deepEqual(Buffer.from(opened.Data ?? []), dataKey)
  const before = { ...common, Data: Buffer.concat([IVCounterNonce, Data]) }
  assert.equal(await session.refused('1.2', 'Decrypt', before), 'InvalidMessage')
  assert.equal(await session.refused('1.2', 'Get', { UniqueIdentifier }), 'PermissionDenied')
})
