// Decrypt (KMIP 1.4 §4.30) through the mTLS listener: what Encrypt made, in every version, and one answer to all that does not
// fit.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { attribute, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_started, opened) => {
  session = opened
})

const nowSeconds = BigInt(Math.floor(Date.now() / 1000))
const key = (more: readonly ReturnType<typeof attribute>[] = []) =>
  session.key('1.4', [attribute('Activation Date', nowSeconds - 3600n), ...more])
const gcm = { BlockCipherMode: 'GCM', RandomIV: true } as const
const cbc = { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5', RandomIV: true } as const

for (const version of ['1.2', '1.3', '1.4'] as const)
  test(`${version}: decrypts what it encrypted`, async () => {
    const UniqueIdentifier = await key()
    for (const CryptographicParameters of [gcm, cbc])
      for (const size of [0, 1, 16, 70_000]) {
        const Data = randomBytes(size)
        const asked = { UniqueIdentifier, CryptographicParameters }
        const sealed = await session.ask(version, 'Encrypt', { ...asked, Data })
        const opened = await session.ask(version, 'Decrypt', {
          ...asked,
          Data: sealed.Data,
          IVCounterNonce: sealed.IVCounterNonce,
          AuthenticatedEncryptionTag: sealed.AuthenticatedEncryptionTag,
        })
        assert.deepEqual(opened, { UniqueIdentifier, Data })
      }
  })

test('every failure has the same answer', async () => {
  const [UniqueIdentifier, other] = [await key(), await key()]
  const sealed = await session.ask('1.4', 'Encrypt', {
    UniqueIdentifier,
    CryptographicParameters: gcm,
    Data: randomBytes(32),
  })
  const right: Request<'Decrypt'> = {
    UniqueIdentifier,
    CryptographicParameters: gcm,
    Data: sealed.Data,
    IVCounterNonce: sealed.IVCounterNonce,
    AuthenticatedEncryptionTag: sealed.AuthenticatedEncryptionTag,
  }
  const padded = { ...right, CryptographicParameters: cbc, IVCounterNonce: randomBytes(16) }
  const wrong: readonly Partial<Request<'Decrypt'>>[] = [
    { ...right, UniqueIdentifier: other },
    { ...right, AuthenticatedEncryptionTag: randomBytes(16) },
    { ...right, AuthenticatedEncryptionTag: undefined },
    { ...right, AuthenticatedEncryptionAdditionalData: Buffer.of(1) },
    { ...right, Data: randomBytes(32) },
    { ...padded, AuthenticatedEncryptionTag: undefined, Data: Buffer.alloc(31) },
    { ...padded, AuthenticatedEncryptionTag: undefined, Data: Buffer.alloc(0) },
    // One in 256 has a right padding by chance, so there are many blocks of one byte value to choose from.
    { ...padded, AuthenticatedEncryptionTag: undefined, Data: Buffer.alloc(17) },
  ]
  const answers = new Set<string>()
  for (const request of wrong) {
    const told = await session.one('1.4', { operation: 'Decrypt', request })
    answers.add(`${told.status} ${told.reason} ${told.message}`)
  }
  assert.equal(answers.size, 1, [...answers].join('; '))
  assert.match([...answers][0] ?? '', /^OperationFailed CryptographicFailure /)
})

test('a key with its Process Start Date ahead decrypts nothing; a closed key still decrypts', async () => {
  const sealed = { CryptographicParameters: { BlockCipherMode: 'ECB' }, Data: randomBytes(16) } as const
  const early = await key([attribute('Process Start Date', nowSeconds + 3600n)])
  assert.equal(
    await session.refused('1.4', 'Decrypt', { UniqueIdentifier: early, ...sealed }),
    'PermissionDenied',
  )
  const closed = await key([attribute('Deactivation Date', nowSeconds - 1800n)])
  await session.ask('1.4', 'Decrypt', { UniqueIdentifier: closed, ...sealed })
})

test('data with a tag comes in parts, and leaves with the last', async () => {
  const UniqueIdentifier = await key()
  const Data = randomBytes(40_000)
  const asked = { UniqueIdentifier, CryptographicParameters: gcm }
  for (const version of ['1.3', '1.4'] as const) {
    const sealed = await session.ask(version, 'Encrypt', { ...asked, Data })
    const bytes = sealed.Data ?? Buffer.of()
    const first = await session.ask(version, 'Decrypt', {
      ...asked,
      IVCounterNonce: sealed.IVCounterNonce,
      Data: bytes.subarray(0, 30_000),
      AuthenticatedEncryptionTag: sealed.AuthenticatedEncryptionTag,
      InitIndicator: true,
    })
    assert.equal(first.Data, undefined)
    const { CorrelationValue } = first
    const rest = { UniqueIdentifier, CorrelationValue, Data: bytes.subarray(30_000), FinalIndicator: true }
    assert.deepEqual((await session.ask(version, 'Decrypt', rest)).Data, Data)
  }
})
