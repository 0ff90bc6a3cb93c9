// From Cryptographic Parameters to what is computed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CryptoError } from '../../../../src/core/crypto/error.ts'
import {
  cipherParameters,
  dataMacAlgorithm,
  macAlgorithm,
  parametersFor,
  rsaEncryptionScheme,
  signatureScheme,
  type CryptoParameters,
} from '../../../../src/core/keys/use/crypto-settings.ts'
import { attributeSet } from '../../../support/server/core.ts'

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
  const wanted = cipherParameters(aes, { BlockCipherMode: 'GCM', TagLength: 12 })
  assert.deepEqual(wanted, { algorithm: 'AES', mode: 'GCM', padding: undefined, tagBytes: 12 })
  assert.equal(cipherParameters(attributeSet({}), { CryptographicAlgorithm: 'AES' }).algorithm, 'AES')
  assert.throws(() => cipherParameters(aes, { CryptographicAlgorithm: 'DES3' }), CryptoError)
  assert.equal(cipherParameters(aes, { CryptographicAlgorithm: 'AES' }).algorithm, 'AES')
  const chacha = attributeSet({ CryptographicAlgorithm: 'ChaCha20' })
  const other = { CryptographicAlgorithm: 'ChaCha20Poly1305' } as const
  assert.equal(cipherParameters(chacha, other).algorithm, 'ChaCha20Poly1305')
  assert.throws(() => cipherParameters(chacha, { CryptographicAlgorithm: 'AES' }), CryptoError)
  assert.throws(() => cipherParameters(aes, other), CryptoError)
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
    assert.deepEqual(macAlgorithm(attributes, parameters), wanted)
  const unnamed = { name: 'CryptoError', kind: 'unsupported', message: /name an HMAC/ }
  assert.throws(() => macAlgorithm(aes, {}), unnamed)
  assert.throws(() => macAlgorithm(attributeSet({}), { BlockCipherMode: 'CMAC' }), unnamed)
})

test('a MAC of data is not made with another hash than the request names', () => {
  const hmacKey = attributeSet({ CryptographicAlgorithm: 'HMAC_SHA256' })
  const other = { HashingAlgorithm: 'SHA_512' } as const
  assert.throws(() => dataMacAlgorithm(hmacKey, other), { kind: 'invalid', message: /SHA_512/ })
  assert.throws(() => dataMacAlgorithm(aes, { ...other, CryptographicAlgorithm: 'HMAC_SHA1' }), CryptoError)
  assert.deepEqual(dataMacAlgorithm(hmacKey, { HashingAlgorithm: 'SHA_256' }), { hmac: 'sha256' })
  assert.deepEqual(dataMacAlgorithm(aes, { ...other, BlockCipherMode: 'CMAC' }), { cmac: 'AES' })
  // KMIP 1.4 §4.6: where a key is derived by HMAC, the parameters are ignored.
  assert.deepEqual(macAlgorithm(hmacKey, other), { hmac: 'sha256' })
})

test('RSA encrypts with the padding that is named, and with SHA-1 and without a label where nothing else is', () => {
  assert.deepEqual(rsaEncryptionScheme({ PaddingMethod: 'PKCS1V1_5' }), { padding: 'PKCS1V1_5' })
  const usual = { padding: 'OAEP', hash: 'sha1', maskHash: 'sha1', label: new Uint8Array(0) }
  assert.deepEqual(rsaEncryptionScheme({ PaddingMethod: 'OAEP' }), usual)
  const PSource = Buffer.from('label')
  const hashes = { HashingAlgorithm: 'SHA_256', MaskGeneratorHashingAlgorithm: 'SHA_384' } as const
  assert.deepEqual(rsaEncryptionScheme({ PaddingMethod: 'OAEP', ...hashes, PSource }), {
    padding: 'OAEP',
    hash: 'sha256',
    maskHash: 'sha384',
    label: PSource,
  })
  for (const wrong of [{}, { PaddingMethod: 'PKCS5' }] as const)
    assert.throws(() => rsaEncryptionScheme(wrong), { kind: 'unsupported', message: /name one/ })
})

test('a key signs by its own algorithm, with the padding and the hash that the parameters name or their signature algorithm has', () => {
  const [rsa, ec] = [{ CryptographicAlgorithm: 'RSA' }, { CryptographicAlgorithm: 'ECDSA' }] as const
  const v15 = { scheme: 'rsa', padding: 'PKCS1V1_5' }
  const table: readonly (readonly [object, CryptoParameters, object])[] = [
    [ec, {}, { scheme: 'ec', hash: undefined }],
    [ec, { HashingAlgorithm: 'SHA_256' }, { scheme: 'ec', hash: 'sha256' }],
    [{}, { HashingAlgorithm: 'SHA_256' }, { scheme: 'ec', hash: 'sha256' }],
    [{}, { ...rsa, HashingAlgorithm: 'SHA_256' }, { ...v15, hash: 'sha256' }],
    [ec, { ...rsa, HashingAlgorithm: 'SHA_256' }, { scheme: 'ec', hash: 'sha256' }],
    [rsa, { HashingAlgorithm: 'SHA_512' }, { ...v15, hash: 'sha512' }],
    [
      rsa,
      { HashingAlgorithm: 'SHA_256', DigitalSignatureAlgorithm: 'SHA_256WithRSAEncryption' },
      { ...v15, hash: 'sha256' },
    ],
    [
      rsa,
      { PaddingMethod: 'PSS', HashingAlgorithm: 'SHA_256', SaltLength: 9 },
      { scheme: 'rsa', padding: 'PSS', hash: 'sha256', maskHash: 'sha256', saltBytes: 9 },
    ],
    [
      rsa,
      {
        DigitalSignatureAlgorithm: 'RSASSA_PSS',
        HashingAlgorithm: 'SHA_256',
        MaskGeneratorHashingAlgorithm: 'SHA_1',
      },
      { scheme: 'rsa', padding: 'PSS', hash: 'sha256', maskHash: 'sha1', saltBytes: undefined },
    ],
  ]
  for (const [attributes, parameters, wanted] of table)
    assert.deepEqual(signatureScheme(attributeSet({ ...attributes }), parameters, false), wanted)
  const key = attributeSet(rsa)
  assert.deepEqual(signatureScheme(key, {}, true), { ...v15, hash: undefined })
  assert.deepEqual(signatureScheme(key, { HashingAlgorithm: 'SHA_256' }, true), { ...v15, hash: 'sha256' })
  assert.throws(() => signatureScheme(key, {}, false), CryptoError)
  assert.throws(() => signatureScheme(key, { PaddingMethod: 'OAEP' }, false), {
    message: /PSS or PKCS1 v1.5/,
  })
})

test('a signature whose parameters contradict each other is not made', () => {
  const [rsa, ec] = [{ CryptographicAlgorithm: 'RSA' }, { CryptographicAlgorithm: 'ECDSA' }] as const
  const named = { DigitalSignatureAlgorithm: 'SHA_256WithRSAEncryption' } as const
  const bySha256 = { HashingAlgorithm: 'SHA_256' } as const
  const table: readonly (readonly [object, CryptoParameters])[] = [
    [rsa, { ...named, HashingAlgorithm: 'SHA_1' }],
    [rsa, { ...named, PaddingMethod: 'PSS' }],
    [rsa, { ...bySha256, DigitalSignatureAlgorithm: 'RSASSA_PSS', PaddingMethod: 'PKCS1V1_5' }],
    [ec, { DigitalSignatureAlgorithm: 'ECDSAWithSHA256', HashingAlgorithm: 'SHA_384' }],
  ]
  for (const [own, parameters] of table)
    assert.throws(() => signatureScheme(attributeSet({ ...own }), parameters, false), { kind: 'invalid' })
})

test('a key makes no signature of another algorithm than the request names', () => {
  const [rsa, ec] = [{ CryptographicAlgorithm: 'RSA' }, { CryptographicAlgorithm: 'ECDSA' }] as const
  for (const [own, DigitalSignatureAlgorithm] of [
    [rsa, 'ECDSAWithSHA256'],
    [rsa, 'DSAWithSHA256'],
    [rsa, 'MD2WithRSAEncryption'],
    [ec, 'SHA_256WithRSAEncryption'],
    [ec, 'RSASSA_PSS'],
    [ec, 'DSAWithSHA256'],
  ] as const)
    assert.throws(
      () =>
        signatureScheme(attributeSet(own), { DigitalSignatureAlgorithm, HashingAlgorithm: 'SHA_256' }, false),
      { message: `this key makes no signatures by ${DigitalSignatureAlgorithm}` },
    )
})

test('each signature algorithm of KMIP has its padding and its hash', () => {
  for (const [name, hash] of [
    ['MD5', 'md5'],
    ['SHA_1', 'sha1'],
    ['SHA_224', 'sha224'],
    ['SHA_256', 'sha256'],
    ['SHA_384', 'sha384'],
    ['SHA_512', 'sha512'],
    ['SHA3_256', 'sha3-256'],
    ['SHA3_384', 'sha3-384'],
    ['SHA3_512', 'sha3-512'],
  ] as const) {
    const parameters = { DigitalSignatureAlgorithm: `${name}WithRSAEncryption` } as const
    const wanted = signatureScheme(attributeSet({ CryptographicAlgorithm: 'RSA' }), parameters, false)
    assert.deepEqual(wanted, { scheme: 'rsa', padding: 'PKCS1V1_5', hash })
  }
  for (const [name, hash] of [
    ['ECDSAWithSHA_1', 'sha1'],
    ['ECDSAWithSHA224', 'sha224'],
    ['ECDSAWithSHA256', 'sha256'],
    ['ECDSAWithSHA384', 'sha384'],
    ['ECDSAWithSHA512', 'sha512'],
  ] as const)
    assert.deepEqual(signatureScheme(attributeSet({}), { DigitalSignatureAlgorithm: name }, false), {
      scheme: 'ec',
      hash,
    })
})
