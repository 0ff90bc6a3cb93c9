// The points of public keys leave compressed as a request wants them (KMIP 1.4 §2.1.3, §4.11), through the mTLS listener.

import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { EnumName } from '../../../src/wire/kmip/enums.ts'
import type { KeyBlock } from '../../../src/wire/kmip/objects.ts'
import { attribute, materialOf, template, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

const prime = 'ECPublicKeyTypeX9_62CompressedPrime'
const char2 = 'ECPublicKeyTypeX9_62CompressedChar2'
const hybrid = 'ECPublicKeyTypeX9_62Hybrid'
const whole = 'ECPublicKeyTypeUncompressed'

const spkiOf = (namedCurve: string) =>
  generateKeyPairSync('ec', { namedCurve }).publicKey.export({ type: 'spki', format: 'der' })

async function registered(block: Partial<KeyBlock>): Promise<string> {
  const request = {
    ObjectType: 'PublicKey',
    ...template([attribute('Cryptographic Usage Mask', 2)]),
    PublicKey: { KeyBlock: { KeyFormatType: 'X_509', ...block } },
  } as const
  return (await session.ask('1.4', 'Register', request)).UniqueIdentifier
}

async function given(
  UniqueIdentifier: string,
  KeyCompressionType?: EnumName<'KeyCompressionType'>,
  KeyFormatType?: KeyBlock['KeyFormatType'],
): Promise<KeyBlock> {
  const request = { UniqueIdentifier, KeyCompressionType, KeyFormatType }
  const { PublicKey } = await session.ask('1.4', 'Get', request)
  assert.ok(PublicKey)
  return PublicKey.KeyBlock
}

function pointOf(block: KeyBlock): Buffer {
  const value = block.KeyValue
  assert.ok(value && 'KeyMaterial' in value && 'QString' in value.KeyMaterial)
  return Buffer.from(value.KeyMaterial.QString)
}

for (const [curve, bytes, compressed, other] of [
  ['prime256v1', 32, prime, char2],
  ['secp521r1', 66, prime, char2],
  ['sect283r1', 36, char2, prime],
] as const)
  test(`${curve}: a point leaves whole, compressed or as both, in each format, and OpenSSL reads all of them`, async () => {
    const spki = spkiOf(curve)
    const own = await registered({ KeyValue: { KeyMaterial: spki } })
    assert.deepEqual(materialOf(await given(own)), spki, 'as it came')
    const lengths = { [whole]: 2 * bytes + 1, [compressed]: bytes + 1, [hybrid]: 2 * bytes + 1 }
    for (const [compression, length] of Object.entries(lengths)) {
      const wanted = compression as EnumName<'KeyCompressionType'>
      const block = await given(own, wanted)
      assert.equal(block.KeyCompressionType, wanted === whole ? undefined : wanted)
      const read = createPublicKey({ key: materialOf(block), format: 'der', type: 'spki' })
      assert.ok(read.equals(createPublicKey({ key: spki, format: 'der', type: 'spki' })), wanted)
      const point = pointOf(await given(own, wanted, 'TransparentECPublicKey'))
      assert.equal(point.length, length, wanted)
    }
    const request = { UniqueIdentifier: own, KeyCompressionType: other }
    assert.equal(await session.refused('1.4', 'Get', request), 'KeyCompressionTypeNotSupported')
    const came = materialOf(await given(own, compressed))
    const small = await registered({ KeyValue: { KeyMaterial: came }, KeyCompressionType: compressed })
    const back = await given(small)
    assert.deepEqual([materialOf(back), back.KeyCompressionType], [came, compressed])
    assert.deepEqual(materialOf(await given(small, whole)), spki)
    assert.equal(pointOf(await given(small, undefined, 'TransparentECPublicKey')).length, 2 * bytes + 1)
  })

test('what has no point is not compressed, and who asks for it uncompressed gets it as ever', async () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({
    type: 'spki',
    format: 'der',
  })
  const own = await registered({ KeyValue: { KeyMaterial: rsa } })
  const symmetric = await session.key('1.4')
  for (const UniqueIdentifier of [own, symmetric]) {
    const request = { UniqueIdentifier, KeyCompressionType: prime } as const
    assert.equal(await session.refused('1.4', 'Get', request), 'KeyCompressionTypeNotSupported')
    const plain = await session.ask('1.4', 'Get', { UniqueIdentifier, KeyCompressionType: whole })
    const block = (plain.PublicKey ?? plain.SymmetricKey)?.KeyBlock
    assert.equal(block?.KeyCompressionType, undefined)
    if (UniqueIdentifier === own) assert.deepEqual(materialOf(block), rsa)
  }
})
