// Stored keys in KMIP's formats: binary and transparent forms into one another, by keys that Node makes.

import assert from 'node:assert/strict'
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyPairKeyObjectResult,
} from 'node:crypto'
import { test } from 'node:test'
import { KeyFormatError } from '../../../../src/core/crypto/key-parts.ts'
import { isTransparent, type KeyMaterial } from '../../../../src/wire/kmip/objects.ts'
import {
  actualFormat,
  inFormat,
  keyFacts,
  storedMaterial,
  type KeyCompression,
  type KeyFormat,
} from '../../../../src/core/keys/forms/asymmetric-key.ts'
import { first } from '../../../../src/wire/kmip/attributes.ts'

const der = { format: 'der' } as const
const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
const ec = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
const dsa = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 })
// Node's types lack it.
const generate = generateKeyPairSync as unknown as (type: string, options: object) => KeyPairKeyObjectResult
const dh = generate('dh', { group: 'modp14' })
const ed = generateKeyPairSync('ed25519')

const convert = (isPrivate: boolean, from: KeyFormat, bytes: Uint8Array, to: KeyFormat) =>
  inFormat({ isPrivate, format: from, bytes: Buffer.from(bytes) }, to)

/** Into the transparent form and back. */
function thereAndBack(
  isPrivate: boolean,
  format: KeyFormat,
  bytes: Buffer,
  transparent: KeyFormat,
): KeyMaterial {
  const material = convert(isPrivate, format, bytes, transparent)
  assert.ok(material && !(material instanceof Uint8Array), transparent)
  const stored = storedMaterial(transparent, material)
  assert.deepEqual(
    convert(isPrivate, transparent, stored, transparent),
    material,
    'it is given back as it came',
  )
  const back = convert(isPrivate, transparent, stored, format)
  assert.deepEqual(back, bytes, `${format} by ${transparent}`)
  return material
}

test('RSA, DSA and DH keys go into their transparent forms and back', () => {
  const rsaPrivate = rsa.privateKey.export({ ...der, type: 'pkcs8' })
  thereAndBack(true, 'PKCS_8', rsaPrivate, 'TransparentRSAPrivateKey')
  thereAndBack(false, 'X_509', rsa.publicKey.export({ ...der, type: 'spki' }), 'TransparentRSAPublicKey')
  for (const [{ privateKey, publicKey }, name] of [
    [dsa, 'DSA'],
    [dh, 'DH'],
  ] as const) {
    thereAndBack(true, 'PKCS_8', privateKey.export({ ...der, type: 'pkcs8' }), `Transparent${name}PrivateKey`)
    thereAndBack(false, 'X_509', publicKey.export({ ...der, type: 'spki' }), `Transparent${name}PublicKey`)
  }
})

test('a key on a curve goes into each transparent form of curves; the private one loses its public half there', () => {
  const spki = ec.publicKey.export({ ...der, type: 'spki' })
  for (const name of ['EC', 'ECDSA', 'ECDH', 'ECMQV'] as const) {
    const material = thereAndBack(false, 'X_509', spki, `Transparent${name}PublicKey`)
    assert.equal('RecommendedCurve' in material && material.RecommendedCurve, 'SECP256K1')
    const own = convert(
      true,
      'PKCS_8',
      ec.privateKey.export({ ...der, type: 'pkcs8' }),
      `Transparent${name}PrivateKey`,
    )
    assert.ok(own && !(own instanceof Uint8Array) && 'D' in own)
    assert.equal(
      own.D,
      BigInt(
        `0x${Buffer.from(String(ec.privateKey.export({ format: 'jwk' }).d), 'base64url').toString('hex')}`,
      ),
    )
  }
})

test('an RSA key of few numbers is completed from its primes, and is given only as it came without them', () => {
  const whole = convert(
    true,
    'PKCS_1',
    rsa.privateKey.export({ ...der, type: 'pkcs1' }),
    'TransparentRSAPrivateKey',
  )
  assert.ok(whole && !(whole instanceof Uint8Array) && 'Modulus' in whole)
  const { Modulus, PublicExponent, P, Q, PrivateExponent } = whole as Record<string, bigint>
  const fields = { Modulus, PublicExponent, P, Q } as KeyMaterial
  const few = storedMaterial('TransparentRSAPrivateKey', fields)
  const completed = convert(true, 'TransparentRSAPrivateKey', few, 'TransparentRSAPrivateKey')
  assert.deepEqual(completed, fields)
  // The private exponent may be another one that fits.
  const key = convert(true, 'TransparentRSAPrivateKey', few, 'PKCS_1')
  assert.ok(key instanceof Buffer)
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs1' })
  assert.ok(createPublicKey(privateKey).equals(rsa.publicKey))
  assert.ok(verify('sha256', Buffer.from('m'), rsa.publicKey, sign('sha256', Buffer.from('m'), privateKey)))
  const bare = storedMaterial('TransparentRSAPrivateKey', { Modulus, PrivateExponent } as KeyMaterial)
  assert.equal(convert(true, 'TransparentRSAPrivateKey', bare, 'PKCS_1'), undefined)
  const facts = keyFacts({ isPrivate: true, format: 'TransparentRSAPrivateKey', bytes: bare })
  assert.deepEqual([facts.lengthBits, facts.algorithms], [1024, ['RSA']])
})

const told = (isPrivate: boolean, format: KeyFormat, bytes: Buffer) => {
  const { lengthBits, algorithms, attributes } = keyFacts({ isPrivate, format, bytes })
  return [lengthBits, algorithms?.[0], first(attributes, 'CryptographicDomainParameters')]
}

test('a key says for what it is and how long it is', () => {
  const pkcs8 = { ...der, type: 'pkcs8' } as const
  assert.deepEqual(told(true, 'PKCS_8', ec.privateKey.export(pkcs8)), [
    256,
    'EC',
    { RecommendedCurve: 'SECP256K1' },
  ])
  assert.deepEqual(told(true, 'PKCS_8', dsa.privateKey.export(pkcs8)), [1024, 'DSA', { Qlength: 160 }])
  assert.deepEqual(told(true, 'PKCS_8', ed.privateKey.export(pkcs8)), [
    256,
    'Ed25519',
    { RecommendedCurve: 'CURVE25519' },
  ])
  const secret = { ...pkcs8, cipher: 'aes-256-cbc', passphrase: 'p' } as const
  assert.deepEqual(told(true, 'PKCS_8', rsa.privateKey.export(secret)), [undefined, undefined, undefined])
  assert.deepEqual(told(true, 'Raw', Buffer.from('any')), [undefined, undefined, undefined])
})

test('material of another format is refused', () => {
  assert.throws(() => storedMaterial('PKCS_8', { Modulus: 1n, PublicExponent: 3n }), KeyFormatError)
  assert.throws(() => storedMaterial('TransparentRSAPublicKey', Buffer.from('bytes')), KeyFormatError)
  const stored = storedMaterial('TransparentRSAPublicKey', { Modulus: 1n << 1023n, PublicExponent: 3n })
  assert.throws(
    () => keyFacts({ isPrivate: true, format: 'TransparentRSAPublicKey', bytes: stored }),
    /not the format of a private key/,
  )
  assert.ok(isTransparent('TransparentDHPrivateKey') && !isTransparent('PKCS_8'))
})

test('transparent numbers as long as a message, or negative, are refused before anything is computed with them', () => {
  const long = (1n << 2_000_000n) + 1n
  for (const [primes, why] of [
    [{ P: long, Q: long }, /16384 bits at most/],
    [{ P: -7n, Q: 11n }, /negative/],
  ] as const) {
    const material = { Modulus: 1n << 1023n, PublicExponent: 3n, ...primes }
    const bytes = storedMaterial('TransparentRSAPrivateKey', material)
    assert.throws(() => keyFacts({ isPrivate: true, format: 'TransparentRSAPrivateKey', bytes }), why)
  }
})

test('a key in PKCS#1 that came under the name of PKCS#8 or X.509 is known for what it is', () => {
  const [pkcs1, pkcs8] = (['pkcs1', 'pkcs8'] as const).map((type) => rsa.privateKey.export({ ...der, type }))
  const [open, info] = (['pkcs1', 'spki'] as const).map((type) => rsa.publicKey.export({ ...der, type }))
  assert.ok(pkcs1 && pkcs8 && open && info)
  assert.equal(actualFormat(true, 'PKCS_8', pkcs1), 'PKCS_1')
  assert.equal(actualFormat(false, 'X_509', open), 'PKCS_1')
  for (const [isPrivate, format, bytes] of [
    [true, 'PKCS_8', pkcs8],
    [true, 'Raw', pkcs1],
    [true, 'PKCS_1', pkcs1],
    [false, 'PKCS_8', pkcs1],
    [false, 'X_509', info],
    [false, 'PKCS_1', open],
    [true, 'X_509', open],
  ] as const)
    assert.equal(actualFormat(isPrivate, format, bytes), format)
  assert.deepEqual(told(true, 'PKCS_8', pkcs1).slice(0, 2), [1024, 'RSA'])
  assert.deepEqual(convert(true, 'PKCS_8', pkcs1, 'PKCS_1'), pkcs1)
  assert.deepEqual(told(false, 'X_509', open).slice(0, 2), [1024, 'RSA'])
  assert.deepEqual(convert(false, 'X_509', open, 'PKCS_1'), open)
  // The other half is no such key.
  for (const [isPrivate, format, bytes] of [
    [false, 'X_509', pkcs1],
    [true, 'PKCS_8', open],
  ] as const)
    assert.throws(() => keyFacts({ isPrivate, format, bytes }), /is not a PKCS#1 key/)
})

test('a key that a quantum computer does not break has a raw form, which is a copy', () => {
  const { publicKey } = generate('ml-kem-512', {})
  const spki = publicKey.export({ ...der, type: 'spki' })
  const raw = convert(false, 'X_509', spki, 'Raw')
  assert.ok(raw instanceof Uint8Array && raw.length === 800)
  assert.deepEqual(spki.subarray(-800), Buffer.from(raw))
  raw.fill(0)
  assert.notDeepEqual(convert(false, 'X_509', spki, 'Raw'), raw, 'the key itself stays')
  assert.equal(convert(false, 'X_509', ec.publicKey.export({ ...der, type: 'spki' }), 'Raw'), undefined)
})

test('a key without a point is uncompressed as it is, and has no compressed form', () => {
  const uncompressed = 'ECPublicKeyTypeUncompressed'
  for (const [isPrivate, format, bytes] of [
    [true, 'PKCS_8', ec.privateKey.export({ ...der, type: 'pkcs8' })],
    [false, 'X_509', ed.publicKey.export({ ...der, type: 'spki' })],
    [false, 'X_509', rsa.publicKey.export({ ...der, type: 'spki' })],
  ] as const) {
    const key = { isPrivate, format, bytes }
    assert.deepEqual(inFormat(key, format, uncompressed), bytes)
    assert.equal(inFormat(key, format, 'ECPublicKeyTypeX9_62CompressedPrime'), undefined)
  }
  const toSec1 = {
    isPrivate: true,
    format: 'PKCS_8',
    bytes: ec.privateKey.export({ ...der, type: 'pkcs8' }),
  } as const
  assert.ok(inFormat(toSec1, 'ECPrivateKey', uncompressed), 'in another format too')
})

test('the point of a public key is given in each form of its curve', () => {
  const key = {
    isPrivate: false,
    format: 'X_509',
    bytes: ec.publicKey.export({ ...der, type: 'spki' }),
  } as const
  const beginsWith = (compression: KeyCompression) => {
    const bytes = inFormat(key, 'X_509', compression)
    return bytes instanceof Uint8Array
      ? [bytes.at(bytes.length - (compression.endsWith('Prime') ? 33 : 65))]
      : []
  }
  const [uncompressed] = beginsWith('ECPublicKeyTypeUncompressed')
  const [compressed] = beginsWith('ECPublicKeyTypeX9_62CompressedPrime')
  const [hybrid] = beginsWith('ECPublicKeyTypeX9_62Hybrid')
  // SEC 1 §2.3.3: 4, or 2 and 6 with the last bit of y.
  assert.equal(uncompressed, 4)
  assert.ok(compressed === 2 || compressed === 3)
  assert.equal(hybrid, compressed + 4)
  assert.deepEqual(beginsWith('ECPublicKeyTypeX9_62CompressedChar2'), [], 'for curves over binary fields')
})
