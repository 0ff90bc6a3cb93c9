// OpenStack Barbican's KMIP plugin and PyKMIP's pie objects give every object of a kind one Name ("Symmetric Key"). The instance
// lets Names repeat: instance set --names shared.

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import {
  attribute,
  attributesOf,
  locate,
  materialOf,
  nameAttribute,
  type KmipSession,
} from '../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../support/server/running.ts'
import { instanceRoutes } from '../../src/features/instances/routes.ts'
import { productOf } from '../../src/features/clients/products/table.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

test('Barbican: objects of one Name are refused, and taken where the instance says so', async () => {
  const name = nameAttribute('Symmetric Key')
  const first = await session.key('1.1', [name])
  const asked = { UniqueIdentifier: await session.key('1.1'), Attribute: name }
  assert.equal(await session.refused('1.1', 'AddAttribute', asked), 'IllegalOperation')
  await server.admin.call(instanceRoutes.setInstance, {
    instance: 'default',
    body: { ...productOf('barbican').rules },
  })
  const second = await session.key('1.1', [name])
  const { UniqueIdentifier } = await session.ask('1.1', 'Locate', locate([name]))
  assert.deepEqual(UniqueIdentifier.toSorted(), [first, second].toSorted())
  const back = server.admin.call(instanceRoutes.setInstance, {
    instance: 'default',
    body: { names: 'unique' },
  })
  await assert.rejects(back, /several objects have the name/)
})

test('PyKMIP: all attributes of a key hold none that its reader does not know', async () => {
  const id = await session.key('1.2', [attribute('Activation Date', 1n)])
  const { Attribute = [] } = await session.ask('1.2', 'GetAttributes', attributesOf(id))
  const names = Attribute.map(({ AttributeName }) => AttributeName)
  assert.ok(!names.includes('Original Creation Date') && names.includes('State'))
})

test('Barbican with pkcs1_only: a public key in PKCS#1 that it calls X.509 comes back as it went in, and verifies', async () => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const KeyMaterial = pair.publicKey.export({ format: 'der', type: 'pkcs1' })
  const { UniqueIdentifier } = await session.ask('1.2', 'Register', {
    ObjectType: 'PublicKey',
    TemplateAttribute: { Attribute: [attribute('Cryptographic Usage Mask', 2)], Name: [] },
    PublicKey: {
      KeyBlock: {
        KeyFormatType: 'X_509',
        KeyValue: { KeyMaterial },
        CryptographicAlgorithm: 'RSA',
        CryptographicLength: 2048,
      },
    },
  })
  const { PublicKey } = await session.ask('1.2', 'Get', { UniqueIdentifier })
  assert.deepEqual(materialOf(PublicKey?.KeyBlock), KeyMaterial)
  await session.ask('1.2', 'Activate', { UniqueIdentifier })
  const Data = Buffer.from('text')
  const { ValidityIndicator } = await session.ask('1.2', 'SignatureVerify', {
    UniqueIdentifier,
    CryptographicParameters: {
      PaddingMethod: 'PKCS1V1_5',
      HashingAlgorithm: 'SHA_256',
      CryptographicAlgorithm: 'RSA',
    },
    Data,
    SignatureData: sign('sha256', Data, pair.privateKey),
  })
  assert.equal(ValidityIndicator, 'Valid')
})
