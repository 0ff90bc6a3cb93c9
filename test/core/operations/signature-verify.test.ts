// Signature Verify by itself (KMIP 1.4 §4.32): what its key may do. sign.test.ts verifies what was signed.

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { attribute, template, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_started, opened) => {
  session = opened
})

test('a public key verifies while it is Active and after it was deactivated, with the bit for it', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const Data = Buffer.from('signed long ago')
  const SignatureData = sign('sha256', Data, privateKey)
  const register = async (mask: number) => {
    const { UniqueIdentifier } = await session.ask('1.2', 'Register', {
      ObjectType: 'PublicKey',
      ...template([attribute('Cryptographic Usage Mask', mask), attribute('Activation Date', 0n)]),
      PublicKey: {
        KeyBlock: {
          KeyFormatType: 'X_509',
          KeyValue: { KeyMaterial: publicKey.export({ format: 'der', type: 'spki' }) },
          CryptographicAlgorithm: 'EC',
          CryptographicLength: 256,
        },
      },
    })
    return { UniqueIdentifier, Data, SignatureData }
  }
  const asked = await register(2)
  const valid = async () => (await session.ask('1.2', 'SignatureVerify', asked)).ValidityIndicator
  assert.equal(await valid(), 'Valid')
  const { UniqueIdentifier } = asked
  await session.ask('1.2', 'Revoke', {
    UniqueIdentifier,
    RevocationReason: { RevocationReasonCode: 'CessationOfOperation' },
  })
  assert.equal(await valid(), 'Valid')
  assert.equal(await session.refused('1.2', 'SignatureVerify', await register(1)), 'PermissionDenied')
  const without = { ...asked, SignatureData: undefined }
  assert.equal(await session.refused('1.2', 'SignatureVerify', without), 'InvalidField')
})
