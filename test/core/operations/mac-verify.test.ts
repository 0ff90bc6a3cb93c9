// MAC Verify (KMIP 1.4 §4.34) through the mTLS listener.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { attribute, template, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_started, opened) => {
  session = opened
})

test('a right MAC is Valid, any other Invalid, whole and in parts', async () => {
  const { UniqueIdentifier } = await session.ask('1.4', 'Create', {
    ObjectType: 'SymmetricKey',
    ...template([
      attribute('Cryptographic Algorithm', 'AES'),
      attribute('Cryptographic Length', 128),
      attribute('Cryptographic Usage Mask', 0x180),
      attribute('Activation Date', 0n),
      attribute('Cryptographic Parameters', { BlockCipherMode: 'CMAC' }),
    ]),
  })
  const Data = randomBytes(30_000)
  const { MACData } = await session.ask('1.4', 'MAC', { UniqueIdentifier, Data })
  const verdict = async (mac: Uint8Array | undefined) =>
    (await session.ask('1.4', 'MACVerify', { UniqueIdentifier, Data, MACData: mac })).ValidityIndicator
  assert.equal(await verdict(MACData), 'Valid')
  for (const wrong of [randomBytes(16), MACData?.subarray(0, 8), Buffer.alloc(0)])
    assert.equal(await verdict(wrong), 'Invalid')
  const { CorrelationValue, ValidityIndicator } = await session.ask('1.4', 'MACVerify', {
    UniqueIdentifier,
    Data: Data.subarray(0, 1_000),
    InitIndicator: true,
  })
  assert.equal(ValidityIndicator, undefined)
  const last = await session.ask('1.4', 'MACVerify', {
    UniqueIdentifier,
    CorrelationValue,
    Data: Data.subarray(1_000),
    MACData,
    FinalIndicator: true,
  })
  assert.equal(last.ValidityIndicator, 'Valid')
  assert.equal(await session.refused('1.4', 'MACVerify', { UniqueIdentifier, Data }), 'InvalidField')
})
