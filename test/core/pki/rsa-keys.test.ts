// Generated here, unlike those of most tests (test/support/certificates/rsa-keys.ts).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateRsaKeys } from '../../../src/core/pki/rsa-keys.ts'

for (const bits of [2048, 3072] as const)
  test(`keys of ${bits} bits are RSA, and no two are the same`, async () => {
    const [one, other] = await Promise.all([generateRsaKeys(bits), generateRsaKeys(bits)])
    assert.equal(one.privateKey.asymmetricKeyType, 'rsa')
    assert.deepEqual(one.publicKey.asymmetricKeyDetails, { modulusLength: bits, publicExponent: 65_537n })
    assert.ok(!one.publicKey.equals(other.publicKey))
  })
