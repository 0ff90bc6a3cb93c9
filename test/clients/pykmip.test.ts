// PyKMIP: the requests of its own integration tests (2024) where they are unusual. The client itself, as Debian ships it, is run by
// `npm run test:real -- pykmip`.

import assert from 'node:assert/strict'
import { generateKeyPairSync, verify } from 'node:crypto'
import { test } from 'node:test'
import {
  attribute,
  locate,
  materialOf,
  nameAttribute,
  template,
  type KmipSession,
} from '../support/clients/kmip-session.ts'
import { useServer } from '../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

test('Modify and Delete Attribute with the index 0 repeat it', async () => {
  const UniqueIdentifier = await session.key('1.2', [nameAttribute('Symmetric Key')])
  const { AttributeName, AttributeValue } = nameAttribute('Modified Name')
  const changed = { AttributeName, AttributeIndex: 0, AttributeValue }
  const modified = await session.ask('1.2', 'ModifyAttribute', { UniqueIdentifier, Attribute: changed })
  assert.deepEqual(modified.Attribute, changed)
  const named = { UniqueIdentifier, AttributeName, AttributeIndex: 0 }
  assert.deepEqual((await session.ask('1.2', 'DeleteAttribute', named)).Attribute, changed)
  const second = { UniqueIdentifier, Attribute: nameAttribute('Another Name') }
  const added = await session.ask('1.2', 'AddAttribute', second)
  assert.equal(added.Attribute?.AttributeIndex, undefined, 'who leaves it out gets none')
})

test('Locate finds every object under the default operation policy, whether its client named that or not', async () => {
  const policy = attribute('Operation Policy Name', 'default')
  const silent = await session.key('1.2')
  const named = await session.key('1.2', [policy])
  const found = await session.ask('1.2', 'Locate', locate([policy]))
  assert.ok(found.UniqueIdentifier.includes(silent) && found.UniqueIdentifier.includes(named))
  const other = locate([policy, attribute('Unique Identifier', silent)])
  assert.deepEqual((await session.ask('1.2', 'Locate', other)).UniqueIdentifier, [silent])
  const unknown = locate([attribute('Operation Policy Name', 'public')])
  assert.deepEqual((await session.ask('1.2', 'Locate', unknown)).UniqueIdentifier, [])
})

test('an RSA key in PKCS#1 that is called PKCS#8 comes back as it came, signs, and is converted', async () => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pkcs1 = pair.privateKey.export({ format: 'der', type: 'pkcs1' })
  const pkcs8 = pair.privateKey.export({ format: 'der', type: 'pkcs8' })
  const { UniqueIdentifier } = await session.ask('1.2', 'Register', {
    ObjectType: 'PrivateKey',
    ...template([attribute('Cryptographic Usage Mask', 1), attribute('Activation Date', 1000n)]),
    PrivateKey: {
      KeyBlock: {
        KeyFormatType: 'PKCS_8',
        KeyValue: { KeyMaterial: pkcs1 },
        CryptographicAlgorithm: 'RSA',
        CryptographicLength: 2048,
      },
    },
  })
  const given = await session.ask('1.2', 'Get', { UniqueIdentifier })
  assert.equal(given.PrivateKey?.KeyBlock.KeyFormatType, 'PKCS_8')
  assert.deepEqual(materialOf(given.PrivateKey.KeyBlock), pkcs1)
  const asPkcs1 = await session.ask('1.2', 'Get', { UniqueIdentifier, KeyFormatType: 'PKCS_1' })
  assert.deepEqual(materialOf(asPkcs1.PrivateKey?.KeyBlock), pkcs1)
  const asked = await session.ask('1.2', 'Get', { UniqueIdentifier, KeyFormatType: 'PKCS_8' })
  assert.deepEqual(materialOf(asked.PrivateKey?.KeyBlock), pkcs8, 'who names the format gets it')
  const Data = Buffer.from('to be signed')
  const CryptographicParameters = { PaddingMethod: 'PKCS1V1_5', HashingAlgorithm: 'SHA_256' } as const
  const signed = await session.ask('1.2', 'Sign', { UniqueIdentifier, CryptographicParameters, Data })
  assert.ok(verify('sha256', Data, pair.publicKey, signed.SignatureData ?? Buffer.of()))
})
