// The curves on which the server makes key pairs: each by its name in KMIP, and of the length that its name says.

import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { first } from '../../../src/kmip/attributes.ts'
import { maskOf } from '../../../src/kmip/enums.ts'
import { attributeSet, openCoreWithClient } from '../../support/core.ts'

test('a pair is made on the curve that is named, and both halves say so', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  for (const [RecommendedCurve, namedCurve, bits] of [
    ['P_224', 'secp224r1', 224],
    ['P_256', 'prime256v1', 256],
    ['P_384', 'secp384r1', 384],
    ['P_521', 'secp521r1', 521],
    ['SECP256K1', 'secp256k1', 256],
    ['BRAINPOOLP256R1', 'brainpoolP256r1', 256],
    ['BRAINPOOLP384R1', 'brainpoolP384r1', 384],
    ['BRAINPOOLP512R1', 'brainpoolP512r1', 512],
  ] as const) {
    const half = (use: 'Sign' | 'Verify') =>
      attributeSet({
        CryptographicAlgorithm: 'ECDSA',
        CryptographicDomainParameters: { RecommendedCurve },
        CryptographicUsageMask: maskOf('CryptographicUsageMask', [use]),
      })
    const wanted = { privateKey: half('Sign'), publicKey: half('Verify') }
    const made = await perform((work) => work.createKeyPair(wanted))
    const bytesOf = (id: string) =>
      perform(async (work) => Buffer.from((await work.fetch(id)).material.bytes))
    const own = createPrivateKey({ key: await bytesOf(made.privateKey), format: 'der', type: 'sec1' })
    const open = createPublicKey({ key: await bytesOf(made.publicKey), format: 'der', type: 'spki' })
    for (const key of [own, open]) assert.equal(key.asymmetricKeyDetails?.namedCurve, namedCurve)
    assert.ok(createPublicKey(own).equals(open))
    for (const id of [made.privateKey, made.publicKey]) {
      const kept = await core.keys.show(instance.id, id)
      assert.equal(kept && first(kept.attributes, 'CryptographicLength'), bits, RecommendedCurve)
    }
  }
})
