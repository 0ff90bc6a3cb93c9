// OVH's client (github.com/ovh/kmip-go, kmipclient and examples/). From its source: each WithAttribute appends an attribute without
// an index, so that AES(256, mask) with a Cryptographic Usage Mask of its own sends the mask twice (its example of state
// transitions does); Encrypt with AES-GCM and additional data, by parameters in the request or of the key, Random IV among them.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { aes, attribute, type KmipSession } from '../support/clients/kmip-session.ts'
import { useServer } from '../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

const mask = (value: number) => attribute('Cryptographic Usage Mask', value)
const gcm = { CryptographicAlgorithm: 'AES', BlockCipherMode: 'GCM' } as const

test('OVH: an attribute of one value that comes twice counts once, and two values of it are refused', async () => {
  const id = await session.key('1.4', [mask(12)])
  assert.deepEqual(await session.values('1.4', id, 'Cryptographic Usage Mask'), [12])
  assert.equal(await session.refused('1.4', 'Create', aes([mask(4)])), 'InvalidField')

  await session.ask('1.4', 'Destroy', { UniqueIdentifier: id })
  const RevocationReason = { RevocationReasonCode: 'KeyCompromise' } as const
  await session.ask('1.4', 'Revoke', { UniqueIdentifier: id, RevocationReason })
  assert.deepEqual(await session.values('1.4', id, 'State'), ['DestroyedCompromised'])
})

test('OVH: AES-GCM with additional data, parameters in the request or of the key', async () => {
  const text = Buffer.from('Hello World!')
  const AuthenticatedEncryptionAdditionalData = Buffer.from('toto')
  for (const own of [undefined, { ...gcm, RandomIV: true }]) {
    const more = own ? [attribute('Cryptographic Parameters', own)] : []
    const UniqueIdentifier = await session.key('1.4', more)
    await session.ask('1.4', 'Activate', { UniqueIdentifier })
    const given = own
      ? { UniqueIdentifier, AuthenticatedEncryptionAdditionalData }
      : { UniqueIdentifier, AuthenticatedEncryptionAdditionalData, CryptographicParameters: gcm }
    const nonce = randomBytes(12)
    const made = await session.ask('1.4', 'Encrypt', {
      ...given,
      Data: Buffer.from(text),
      ...(!own && { IVCounterNonce: nonce }),
    })
    const IVCounterNonce = own ? made.IVCounterNonce : nonce
    assert.equal(IVCounterNonce?.length, 12)
    const { AuthenticatedEncryptionTag, Data } = made
    assert.ok(AuthenticatedEncryptionTag && Data)
    const back = { ...given, Data, IVCounterNonce, AuthenticatedEncryptionTag }
    assert.deepEqual(Buffer.from((await session.ask('1.4', 'Decrypt', back)).Data ?? []), text)
  }
})
