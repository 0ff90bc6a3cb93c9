// IBM's zkey (s390-tools) with its default profile, as its source shows: the public part of an RSA key of its crypto adapter is
// registered in PKCS#1 and activated in one batch, with the padding of PKCS #1 v1.5 among its Cryptographic Parameters; AES keys are made
// and activated in one batch, with its properties as custom attributes (in 2.x of the vendor `x`); Get wraps them by that padding.
// A profile with OAEP does the same with the other padding. In KMIP 1.0 a key is wrapped with its Key Value around it, which zkey
// does not read.

import assert from 'node:assert/strict'
import { constants, generateKeyPairSync, privateDecrypt, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { productOf } from '../../src/features/clients/products/table.ts'
import { instanceRoutes } from '../../src/features/instances/routes.ts'
import { fromWire1 } from '../../src/wire/kmip/attributes.ts'
import { toWire2 } from '../../src/wire/kmip/attributes2.ts'
import type { Response } from '../../src/wire/kmip/operations.ts'
import { atLeast, type Version } from '../../src/wire/kmip/version.ts'
import {
  aes256,
  attribute,
  batch,
  nameAttribute,
  template,
  text,
  type Asked,
  type KmipSession,
  type WireAttribute,
} from '../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../support/server/running.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
}, productOf('zkey').allow)

const rsa = { CryptographicAlgorithm: 'RSA', KeyRoleType: 'KEK' } as const
const profiles = {
  zkey: {
    versions: ['1.1', '1.2', '1.3', '1.4', '2.0', '2.1'],
    parameters: { PaddingMethod: 'PKCS1V1_5', ...rsa },
    opening: { padding: constants.RSA_PKCS1_PADDING },
  },
  'zkey-oaep': {
    versions: ['1.4', '2.0', '2.1'],
    parameters: {
      PaddingMethod: 'OAEP',
      HashingAlgorithm: 'SHA_256',
      ...rsa,
      MaskGenerator: 'MGF1',
      MaskGeneratorHashingAlgorithm: 'SHA_256',
    },
    opening: { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
  },
} as const

/** Custom attributes have the vendor `x` in 2.x (custom-attr-scheme=v1-style). */
const volume = text('x-zkey-volumes', '/dev/dasdc1:encvol')

function described(version: Version, attributes: readonly WireAttribute[]): object {
  if (!atLeast(version, '2.0')) return template(attributes)
  const values = attributes.map((one) => fromWire1(one, '1.4'))
  return {
    Attributes: toWire2(new Map(values.map(({ key, value }) => [key, [{ index: 0, value }]])), version),
  }
}

/** Makes an object and activates it, in one batch; its identifier. */
async function activated(
  version: Version,
  operation: 'Create' | 'Register',
  request: object,
): Promise<string> {
  const items = [
    { operation, request },
    { operation: 'Activate', request: {} },
  ] as unknown as Asked[]
  const header = { batchErrorContinuationOption: 'Stop', batchOrderOption: true } as const
  const ends = await session.send(version, batch(...items), header)
  assert.deepEqual(
    ends.map(({ message }) => message),
    [undefined, undefined],
  )
  const { UniqueIdentifier } = (ends[1] ?? assert.fail('no answer')).payload as Response<'Activate'>
  return UniqueIdentifier
}

async function registerWrappingKey(
  version: Version,
  publicKey: KeyObject,
  parameters: object,
): Promise<string> {
  const KeyMaterial = publicKey.export({ type: 'pkcs1', format: 'der' })
  return activated(version, 'Register', {
    ObjectType: 'PublicKey',
    ...described(version, [
      // Encrypt and Wrap Key.
      attribute('Cryptographic Usage Mask', 0x14),
      attribute('Cryptographic Parameters', parameters),
      text('x-zkey-description', 'Wrapping key for zkey client on system linux'),
    ]),
    PublicKey: {
      KeyBlock: {
        KeyFormatType: 'PKCS_1',
        KeyValue: { KeyMaterial },
        CryptographicAlgorithm: 'RSA',
        CryptographicLength: 2048,
      },
    },
  })
}

/** The key of a disk, as zkey fetches it. */
async function fetched(version: Version, UniqueIdentifier: string, wrappingKey: string, parameters: object) {
  const { SymmetricKey } = await session.ask(version, 'Get', {
    UniqueIdentifier,
    KeyFormatType: 'Raw',
    KeyWrappingSpecification: {
      WrappingMethod: 'Encrypt',
      EncryptionKeyInformation: { UniqueIdentifier: wrappingKey, CryptographicParameters: parameters },
      AttributeName: [],
      EncodingOption: 'NoEncoding',
    },
  })
  return SymmetricKey?.KeyBlock ?? assert.fail('no key')
}

for (const [product, { versions, parameters, opening }] of Object.entries(profiles))
  for (const version of versions)
    test(`${product}, KMIP ${version}: a key is made, and fetched under the adapter's public key`, async () => {
      const { rules } = productOf(product as keyof typeof profiles)
      await server.admin.call(instanceRoutes.setInstance, {
        instance: 'default',
        body: { legacyWrap: rules?.legacyWrap ?? false },
      })
      const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      const { CryptographicAlgorithm: _since1_2, ...older } = parameters
      const stated = atLeast(version, '1.2') ? parameters : older
      const wrappingKey = await registerWrappingKey(version, publicKey, stated)
      const label = nameAttribute(`disk of ${product} ${version}`)
      const UniqueIdentifier = await activated(version, 'Create', {
        ObjectType: 'SymmetricKey',
        ...described(version, [...aes256, label, volume]),
      })
      const { KeyFormatType, KeyValue, KeyWrappingData } = await fetched(
        version,
        UniqueIdentifier,
        wrappingKey,
        stated,
      )
      assert.equal(KeyFormatType, 'Raw')
      assert.ok(KeyValue instanceof Uint8Array)
      assert.deepEqual(KeyWrappingData?.EncryptionKeyInformation?.CryptographicParameters, stated)
      assert.equal(privateDecrypt({ key: privateKey, ...opening }, KeyValue).length, 32)
    })

test('zkey: an instance that does not allow the old padding refuses it, and says which command allows it', async () => {
  await server.admin.call(instanceRoutes.setInstance, { instance: 'default', body: { legacyWrap: false } })
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { parameters } = profiles.zkey
  const wrappingKey = await registerWrappingKey('1.4', publicKey, parameters)
  const UniqueIdentifier = await activated('1.4', 'Create', {
    ObjectType: 'SymmetricKey',
    ...described('1.4', aes256),
  })
  await assert.rejects(fetched('1.4', UniqueIdentifier, wrappingKey, parameters), /--legacy-wrap yes/)
})
