// MAC (KMIP 1.4 §4.33) through the mTLS listener, whole and in parts.

import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import {
  attribute,
  batch,
  template,
  type Header,
  type KmipSession,
} from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_started, opened) => {
  session = opened
})

const secret = randomBytes(32)
const CryptographicParameters = { CryptographicAlgorithm: 'HMAC_SHA256' } as const

async function key(mask: number): Promise<string> {
  const { UniqueIdentifier } = await session.ask('1.4', 'Register', {
    ObjectType: 'SymmetricKey',
    ...template([attribute('Cryptographic Usage Mask', mask), attribute('Activation Date', 0n)]),
    SymmetricKey: {
      KeyBlock: {
        KeyFormatType: 'Raw',
        KeyValue: { KeyMaterial: Buffer.from(secret) },
        CryptographicAlgorithm: 'AES',
        CryptographicLength: 256,
      },
    },
  })
  return UniqueIdentifier
}

test('the MAC of the whole and of parts', async () => {
  const UniqueIdentifier = await key(0x80)
  const Data = randomBytes(60_000)
  const expected = createHmac('sha256', secret).update(Data).digest()
  const whole = await session.ask('1.2', 'MAC', { UniqueIdentifier, CryptographicParameters, Data })
  assert.deepEqual(Buffer.from(whole.MACData ?? []), expected)
  const first = await session.ask('1.3', 'MAC', {
    UniqueIdentifier,
    CryptographicParameters,
    Data: Data.subarray(0, 100),
    InitIndicator: true,
  })
  assert.equal(first.MACData, undefined)
  const { CorrelationValue } = first
  const rest = { UniqueIdentifier, CorrelationValue, Data: Data.subarray(100), FinalIndicator: true }
  assert.deepEqual(Buffer.from((await session.ask('1.3', 'MAC', rest)).MACData ?? []), expected)
})

test('a part whose answer the client did not get ends what was begun: sent again, it would count twice', async () => {
  const UniqueIdentifier = await key(0x80)
  const begin = { UniqueIdentifier, CryptographicParameters, Data: Buffer.of(1), InitIndicator: true }
  const lost: readonly Header[] = [{ maximumResponseSize: 64 }, { batchErrorContinuationOption: 'Undo' }]
  for (const header of lost) {
    const { CorrelationValue } = await session.ask('1.4', 'MAC', begin)
    const request = { UniqueIdentifier, CorrelationValue, Data: Buffer.of(2) }
    const asked = batch(
      { operation: 'MAC', request },
      { operation: 'Get', request: { UniqueIdentifier: 'no such object' } },
    )
    assert.notEqual((await session.send('1.4', asked, header))[0]?.status, 'Success')
    assert.equal(await session.refused('1.4', 'MAC', request), 'ItemNotFound')
  }
})

test('a key without the bit makes none, and without an algorithm there is none', async () => {
  const Data = Buffer.of(1)
  const verifies = { UniqueIdentifier: await key(0x100), CryptographicParameters, Data }
  assert.equal(await session.refused('1.4', 'MAC', verifies), 'PermissionDenied')
  assert.equal(
    await session.refused('1.4', 'MAC', { UniqueIdentifier: await key(0x80), Data }),
    'InvalidField',
  )
})

test('a MAC by another hash than the one that the request names is refused', async () => {
  const request = { UniqueIdentifier: await key(0x80), Data: Buffer.of(1) }
  const contradicts = { ...CryptographicParameters, HashingAlgorithm: 'SHA_512' } as const
  const refused = await session.refused('1.4', 'MAC', { ...request, CryptographicParameters: contradicts })
  assert.equal(refused, 'InvalidField')
})
