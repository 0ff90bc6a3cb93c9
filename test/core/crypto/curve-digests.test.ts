// ECDSA over digests against OpenSSL, which signs and verifies the data: each must take what the other made.

import assert from 'node:assert/strict'
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { test } from 'node:test'
import { requireDigestCurve, signDigest, verifyDigest } from '../../../src/core/crypto/curve-digests.ts'
import { encodeKey } from '../../../src/core/crypto/key-formats.ts'

const hashes = { 'P-256': 'sha256', 'P-384': 'sha384', 'P-521': 'sha512', secp256k1: 'sha512' } as const

for (const [namedCurve, hash] of Object.entries(hashes))
  test(`${namedCurve}: OpenSSL and this agree on signatures of a digest by ${hash}`, () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
    const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' })
    for (let round = 0; round < 8; round++) {
      const data = randomBytes(round * 10)
      const digest = createHash(hash).update(data).digest()
      const made = signDigest(privateKey, pkcs8, digest)
      assert.ok(verify(hash, data, publicKey, made))
      assert.ok(verifyDigest(publicKey, digest, sign(hash, data, privateKey)))
      assert.ok(!verifyDigest(publicKey, digest, sign(hash, Buffer.from('other'), privateKey)))
      assert.notDeepEqual(signDigest(privateKey, pkcs8, digest), made, 'each signature has its own nonce')
    }
    for (const bad of [Buffer.of(), Buffer.from('no signature'), Buffer.alloc(200, 0x30)])
      assert.equal(verifyDigest(publicKey, Buffer.alloc(32, 1), bad), false)
  })

test('a private number with leading zeros, or written without them, signs', () => {
  for (const scalar of [Buffer.concat([Buffer.alloc(31), Buffer.of(5)]), Buffer.of(5)]) {
    const pkcs8 = encodeKey('PKCS_8', { kind: 'ec', isPrivate: true, curve: 'P_256', scalar })
    assert.ok(pkcs8)
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    const digest = createHash('sha256').update('data').digest()
    assert.ok(verify('sha256', Buffer.from('data'), key, signDigest(key, pkcs8, digest)))
  }
})

test('other curves, and what is too long for a digest, are refused', () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'secp224r1' }).publicKey
  assert.throws(() => requireDigestCurve(other), /on other curves give it the data/)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' })
  for (const bytes of [0, 65])
    assert.throws(() => signDigest(privateKey, pkcs8, Buffer.alloc(bytes)), /1 to 64/)
})
