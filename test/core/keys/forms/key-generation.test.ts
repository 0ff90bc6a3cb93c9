// Which keys the server makes: algorithm and length, the number of bytes, and the parity of DES.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKey, generateSecret } from '../../../../src/core/keys/forms/key-generation.ts'
import { faults } from '../../../support/server/core.ts'

/** Lengths in bits with the bytes that they make, and lengths that there are not. */
const keys: Readonly<Record<string, { readonly bytes: Record<number, number>; readonly no: number[] }>> = {
  AES: { bytes: { 128: 16, 192: 24, 256: 32 }, no: [0, 8, 120, 129, 255, 512] },
  DES3: { bytes: { 112: 16, 128: 16, 168: 24, 192: 24 }, no: [56, 64, 256] },
  DES: { bytes: { 56: 8, 64: 8 }, no: [112] },
  ChaCha20: { bytes: { 256: 32 }, no: [128] },
  Blowfish: { bytes: { 32: 4, 448: 56 }, no: [24, 33, 456] },
  RC4: { bytes: { 40: 5, 2048: 256 }, no: [32, 2056] },
  RC2: { bytes: { 40: 5, 1024: 128 }, no: [32, 1032] },
  CAST5: { bytes: { 40: 5, 128: 16 }, no: [32, 136] },
  Camellia: { bytes: { 128: 16, 192: 24, 256: 32 }, no: [64, 512] },
  ARIA: { bytes: { 128: 16, 192: 24, 256: 32 }, no: [64, 512] },
  Twofish: { bytes: { 128: 16, 192: 24, 256: 32 }, no: [64, 512] },
  SEED: { bytes: { 128: 16 }, no: [0, 64, 256] },
  IDEA: { bytes: { 128: 16 }, no: [0, 64, 256] },
  SKIPJACK: { bytes: { 80: 10 }, no: [0, 64, 128] },
  ChaCha20Poly1305: { bytes: { 256: 32 }, no: [128] },
  ...Object.fromEntries(
    ['MD5', 'SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512'].map((hash) => [
      `HMAC_${hash}`,
      { bytes: { 8: 1, 256: 32, 4096: 512 }, no: [0, 7, 12, 4104] },
    ]),
  ),
}

test('each algorithm has its lengths, and a key as many bytes; another length is refused', () => {
  for (const [algorithm, { bytes, no }] of Object.entries(keys)) {
    for (const [bits, length] of Object.entries(bytes))
      assert.equal(generateKey(algorithm, Number(bits)).length, length, `${algorithm} ${bits}`)
    for (const bits of no)
      assert.throws(
        () => generateKey(algorithm, bits),
        faults('InvalidField', new RegExp(`^${algorithm} keys`)),
      )
  }
})

test('an algorithm that is not symmetric, or is the name of something else, makes no key', () => {
  for (const algorithm of ['RSA', 'EC', 'constructor', '__proto__', ''])
    assert.throws(() => generateKey(algorithm, 256), faults('InvalidField', /no symmetric keys/))
})

test('each byte of a DES key has an odd number of ones (FIPS 46-3), and no two keys are the same', () => {
  for (const [algorithm, bits] of [
    ['DES', 56],
    ['DES3', 168],
    ['DES3', 112],
  ] as const)
    for (let made = 0; made < 50; made++)
      for (const byte of generateKey(algorithm, bits))
        assert.equal(byte.toString(2).replaceAll('0', '').length % 2, 1)
  const some = Array.from({ length: 100 }, () => generateKey('AES', 256).toString('hex'))
  assert.equal(new Set(some).size, 100)
})

test('secret data has whole bytes, at least one and at most 8,192', () => {
  for (const bits of [8, 128, 65_536]) assert.equal(generateSecret(bits).length, bits / 8)
  for (const bits of [-8, 0, 4, 12, 65_544])
    assert.throws(() => generateSecret(bits), faults('InvalidField', /a multiple of 8/))
})
