// From Cryptographic Parameters to what is computed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CryptoError } from '../../../src/crypto/error.ts'
import {
  cipherWanted,
  macWanted,
  parametersFor,
  type CryptoParameters,
} from '../../../src/keys/use/crypto-settings.ts'
import { attributeSet } from '../../support/core.ts'

const aes = attributeSet({ CryptographicAlgorithm: 'AES' })

test("the request's parameters count as a whole, else the first of the key's own", () => {
  const [first, second] = [
    { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5' },
    { BlockCipherMode: 'ECB' },
  ] as const
  const own = attributeSet({ CryptographicParameters: [first, second] })
  assert.deepEqual(parametersFor(own, undefined), first)
  assert.deepEqual(parametersFor(own, { BlockCipherMode: 'CBC' }), { BlockCipherMode: 'CBC' })
  assert.deepEqual(parametersFor(attributeSet({}), undefined), {})
})

test('a cipher is the one of the key', () => {
  const wanted = cipherWanted(aes, { BlockCipherMode: 'GCM', TagLength: 12 })
  assert.deepEqual(wanted, { algorithm: 'AES', mode: 'GCM', padding: undefined, tagBytes: 12 })
  assert.equal(cipherWanted(attributeSet({}), { CryptographicAlgorithm: 'AES' }).algorithm, 'AES')
  assert.throws(() => cipherWanted(aes, { CryptographicAlgorithm: 'DES3' }), CryptoError)
  assert.equal(cipherWanted(aes, { CryptographicAlgorithm: 'AES' }).algorithm, 'AES')
  const chacha = attributeSet({ CryptographicAlgorithm: 'ChaCha20' })
  const other = { CryptographicAlgorithm: 'ChaCha20Poly1305' } as const
  assert.equal(cipherWanted(chacha, other).algorithm, 'ChaCha20Poly1305')
  assert.throws(() => cipherWanted(chacha, { CryptographicAlgorithm: 'AES' }), CryptoError)
  assert.throws(() => cipherWanted(aes, other), CryptoError)
})

test('a MAC is named by the parameters or by the key', () => {
  const hmacKey = attributeSet({ CryptographicAlgorithm: 'HMAC_SHA512' })
  const table: readonly (readonly [typeof aes, CryptoParameters, object])[] = [
    [aes, { CryptographicAlgorithm: 'HMAC_SHA256' }, { hmac: 'sha256' }],
    [hmacKey, {}, { hmac: 'sha512' }],
    [aes, { BlockCipherMode: 'CMAC' }, { cmac: 'AES' }],
    [aes, { HashingAlgorithm: 'SHA_384' }, { hmac: 'sha384' }],
    [attributeSet({}), { HashingAlgorithm: 'SHA_1' }, { hmac: 'sha1' }],
  ]
  for (const [attributes, parameters, wanted] of table)
    assert.deepEqual(macWanted(attributes, parameters), wanted)
  assert.throws(() => macWanted(aes, {}), CryptoError)
})
