// Hash (KMIP 1.4 §4.37) through the mTLS listener, whole and in parts.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_started, opened) => {
  session = opened
})

const CryptographicParameters = { HashingAlgorithm: 'SHA_512' } as const

test('small and large data, and parts', async () => {
  for (const size of [0, 100, 900_000]) {
    const Data = randomBytes(size)
    const expected = createHash('sha512').update(Data).digest()
    const whole = await session.ask('1.2', 'Hash', { CryptographicParameters, Data })
    assert.deepEqual(Buffer.from(whole.Data ?? []), expected)
    const first = await session.ask('1.4', 'Hash', { CryptographicParameters, Data, InitIndicator: true })
    assert.equal(first.Data, undefined)
    const last = await session.ask('1.4', 'Hash', {
      CryptographicParameters,
      CorrelationValue: first.CorrelationValue,
      FinalIndicator: true,
    })
    assert.deepEqual(Buffer.from(last.Data ?? []), expected)
  }
})

test('without a known algorithm, or without data, there is none', async () => {
  const Data = Buffer.of(1)
  assert.equal(await session.refused('1.4', 'Hash', { CryptographicParameters: {}, Data }), 'InvalidField')
  const old = { CryptographicParameters: { HashingAlgorithm: 'MD2' }, Data } as const
  assert.equal(await session.refused('1.4', 'Hash', old), 'InvalidField')
  assert.equal(await session.refused('1.4', 'Hash', { CryptographicParameters }), 'InvalidMessage')
})
