// RSA against OpenSSL's own encodings, where Node reaches them, in both directions; and one answer to every wrong ciphertext.

import assert from 'node:assert/strict'
import {
  constants,
  createHash,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  sign,
  verify,
} from 'node:crypto'
import { test } from 'node:test'
import { CryptoError, decryptionFailed } from '../../../src/core/crypto/error.ts'
import {
  rsaDecrypt,
  rsaEncrypt,
  rsaSign,
  rsaVerify,
  type RsaSignatureScheme,
} from '../../../src/core/crypto/rsa.ts'

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
/** A modulus whose length is no multiple of 8. */
const odd = generateKeyPairSync('rsa', { modulusLength: 1_025 })
const hashes = ['sha1', 'sha256', 'sha384', 'sha512', 'sha512-256', 'sha3-256', 'md5']
const isInvalid = (error: unknown) => error instanceof CryptoError && error.kind === 'invalid'

test('OAEP is what OpenSSL makes and reads, with each hash, with and without a label', () => {
  for (const hash of hashes)
    for (const label of [Buffer.alloc(0), Buffer.from('label')]) {
      const wanted = { padding: 'OAEP', hash, maskHash: hash, label } as const
      const padding = constants.RSA_PKCS1_OAEP_PADDING
      for (const size of [0, 1, 32]) {
        const data = randomBytes(size)
        const theirs = publicEncrypt({ key: publicKey, padding, oaepHash: hash, oaepLabel: label }, data)
        assert.deepEqual(Buffer.from(rsaDecrypt(privateKey, wanted, theirs)), data)
        const ours = rsaEncrypt(publicKey, wanted, data)
        const read = privateDecrypt({ key: privateKey, padding, oaepHash: hash, oaepLabel: label }, ours)
        assert.deepEqual(read, data)
      }
    }
})

test('OAEP with another hash for the mask, up to the most that fits', () => {
  const wanted = { padding: 'OAEP', hash: 'sha384', maskHash: 'sha256', label: Buffer.alloc(0) } as const
  const data = randomBytes(256 - 2 * 48 - 2)
  assert.deepEqual(Buffer.from(rsaDecrypt(privateKey, wanted, rsaEncrypt(publicKey, wanted, data))), data)
  assert.throws(() => rsaEncrypt(publicKey, wanted, Buffer.concat([data, Buffer.of(1)])), isInvalid)
  const other = { ...wanted, maskHash: 'sha1' }
  assert.throws(() => rsaDecrypt(privateKey, other, rsaEncrypt(publicKey, wanted, data)), {
    message: decryptionFailed().message,
  })
})

/** What was made, without the zero byte with which one in 256 begins. */
function stripped(make: () => Buffer): Buffer {
  for (let made = make(); ; made = make()) if (made[0] === 0) return made.subarray(1)
}

test('signatures and ciphertexts are as long as the modulus (RFC 8017 §7.1.2, §7.2.2, §8.1.2, §8.2.2)', () => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1_024 })
  for (const wanted of [
    { padding: 'PSS', hash: 'sha256', maskHash: 'sha256' },
    { padding: 'PKCS1V1_5', hash: 'sha256' },
  ] as const) {
    let data = Buffer.alloc(32)
    const signature = stripped(() => rsaSign(short.privateKey, wanted, (data = randomBytes(32))))
    assert.equal(rsaVerify(short.publicKey, wanted, data, Buffer.concat([Buffer.of(0), signature])), true)
    assert.equal(rsaVerify(short.publicKey, wanted, data, signature), false)
  }
  for (const wanted of [
    { padding: 'OAEP', hash: 'sha1', maskHash: 'sha1', label: Buffer.alloc(0) },
    { padding: 'PKCS1V1_5' },
  ] as const) {
    const data = stripped(() => rsaEncrypt(short.publicKey, wanted, Buffer.from('x')))
    const { message } = decryptionFailed()
    assert.throws(() => rsaDecrypt(short.privateKey, wanted, data), { kind: 'failed', message })
  }
})

test('a salt has no negative length', () => {
  const wanted = { padding: 'PSS', hash: 'sha256', maskHash: 'sha256', saltBytes: -1 } as const
  assert.throws(() => rsaSign(privateKey, wanted, randomBytes(32)), isInvalid)
})

test('every wrong ciphertext has the same answer', () => {
  const wanted = { padding: 'OAEP', hash: 'sha256', maskHash: 'sha256', label: Buffer.alloc(0) } as const
  const raw = (encoded: Buffer) =>
    publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, encoded)
  const right = rsaEncrypt(publicKey, wanted, Buffer.from('x'))
  const encoded = privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, right)
  const firstByte = Buffer.from(encoded)
  firstByte[0] = 1
  const wrong = [
    raw(firstByte),
    raw(Buffer.concat([Buffer.alloc(1), randomBytes(255)])),
    right.subarray(1),
    Buffer.alloc(256),
    Buffer.alloc(0),
    Buffer.alloc(257, 255),
  ]
  for (const data of wrong)
    assert.throws(() => rsaDecrypt(privateKey, wanted, data), {
      kind: 'failed',
      message: decryptionFailed().message,
    })
  const labelled = { ...wanted, label: Buffer.from('another') }
  assert.throws(() => rsaDecrypt(privateKey, labelled, right), { message: decryptionFailed().message })
})

test('PKCS#1 v1.5 encryption; a wrong padding gives other bytes, and no error', () => {
  const wanted = { padding: 'PKCS1V1_5' } as const
  const data = randomBytes(245)
  assert.deepEqual(rsaDecrypt(privateKey, wanted, rsaEncrypt(publicKey, wanted, data)), data)
  assert.throws(() => rsaEncrypt(publicKey, wanted, randomBytes(246)), isInvalid)
  const wrong = publicEncrypt(
    { key: publicKey, padding: constants.RSA_NO_PADDING },
    Buffer.concat([Buffer.alloc(1), randomBytes(255)]),
  )
  assert.ok(rsaDecrypt(privateKey, wanted, wrong) instanceof Uint8Array)
})

test('signatures are what OpenSSL makes and accepts', () => {
  const data = randomBytes(100)
  for (const key of [{ publicKey, privateKey }, odd])
    for (const hash of hashes.filter((name) => key !== odd || name === 'sha1' || name === 'sha256')) {
      const digest = createHash(hash).update(data).digest()
      const pss = { padding: 'PSS', hash, maskHash: hash } as const
      const theirPss = { key: key.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING }
      for (const saltLength of [0, 11, digest.length])
        assert.ok(rsaVerify(key.publicKey, pss, digest, sign(hash, data, { ...theirPss, saltLength })))
      const wanted = { ...pss, saltBytes: 20 }
      const ours = rsaSign(key.privateKey, wanted, digest)
      assert.ok(verify(hash, data, { ...theirPss, key: key.publicKey, saltLength: 20 }, ours))
      assert.ok(rsaVerify(key.publicKey, wanted, digest, ours))
      assert.ok(!rsaVerify(key.publicKey, { ...pss, saltBytes: 19 }, digest, ours))
      const v15 = { padding: 'PKCS1V1_5', hash } as const
      assert.deepEqual(rsaSign(key.privateKey, v15, digest), sign(hash, data, key.privateKey))
      assert.ok(rsaVerify(key.publicKey, v15, digest, sign(hash, data, key.privateKey)))
    }
})

test('what was changed is not accepted, and no signature is an error', () => {
  const digest = createHash('sha256').update('data').digest()
  const ways: readonly RsaSignatureScheme[] = [
    { padding: 'PSS', hash: 'sha256', maskHash: 'sha256' },
    { padding: 'PSS', hash: 'sha256', maskHash: 'sha1' },
    { padding: 'PKCS1V1_5', hash: 'sha256' },
    { padding: 'PKCS1V1_5' },
  ]
  for (const wanted of ways) {
    const right = rsaSign(privateKey, wanted, digest)
    assert.ok(rsaVerify(publicKey, wanted, digest, right))
    for (const [data, signature] of [
      [digest.with(0, (digest[0] ?? 0) ^ 1), right],
      [digest, Buffer.from(right.with(200, (right[200] ?? 0) ^ 1))],
      [digest, right.subarray(1)],
      [digest, Buffer.alloc(0)],
      [digest, Buffer.alloc(256)],
    ] as const)
      assert.ok(!rsaVerify(publicKey, wanted, data, signature))
    for (const other of ways.filter((way) => way !== wanted))
      assert.ok(!rsaVerify(publicKey, other, digest, right))
  }
})

test('a digest of another length, and a key too short, are refused', () => {
  const wanted = { padding: 'PSS', hash: 'sha256', maskHash: 'sha256' } as const
  assert.throws(() => rsaSign(privateKey, wanted, randomBytes(31)), isInvalid)
  assert.throws(() => rsaSign(privateKey, { ...wanted, saltBytes: 223 }, randomBytes(32)), isInvalid)
  // Longer than anything that can be made: it must be refused by its length alone.
  assert.throws(() => rsaSign(privateKey, { ...wanted, saltBytes: 2 ** 31 }, randomBytes(32)), isInvalid)
  assert.throws(() => rsaSign(privateKey, { padding: 'PKCS1V1_5' }, randomBytes(246)), isInvalid)
})
