// Transparent forms of keys (KMIP 1.4 §2.1.7): which numbers make a key, what is computed where some are left out, and which form
// a key has.

import assert from 'node:assert/strict'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { decodeKey } from '../../../../src/core/crypto/key-formats.ts'
import { fromBigInt, numberBitsMax, toBigInt, type KeyParts } from '../../../../src/core/crypto/key-parts.ts'
import { partsOfTransparent, transparentOf } from '../../../../src/core/keys/forms/transparent-key.ts'
import type { TransparentFormat, TransparentMaterial } from '../../../../src/wire/kmip/objects.ts'

const parts = (format: TransparentFormat, material: object) =>
  partsOfTransparent(format, material as TransparentMaterial)

const number = (value: bigint) => fromBigInt(value)

test('a key on a curve has a scalar or a point, on a curve that is known here', () => {
  const curve = 'P_256' as const
  const scalar = { kind: 'ec', isPrivate: true, curve, scalar: number(5n) }
  assert.deepEqual(parts('TransparentECPrivateKey', { RecommendedCurve: curve, D: 5n }), scalar)
  const QString = Buffer.from('04aa', 'hex')
  const point = { kind: 'ec', isPrivate: false, curve, point: QString }
  assert.deepEqual(parts('TransparentECPublicKey', { RecommendedCurve: curve, QString }), point)
  const other = { RecommendedCurve: 'ANSIX9P192V1', D: 5n }
  assert.equal(parts('TransparentECPrivateKey', other), undefined)
  assert.equal(parts('TransparentDHPublicKey', {}), undefined)
})

test('DSA and DH keys keep the numbers that they came with, the optional ones too, and are given with these', () => {
  for (const [kind, name] of [
    ['dsa', 'DSA'],
    ['dh', 'DH'],
  ] as const)
    for (const more of [{}, { Q: 11n }, { J: 2n }, { Q: 11n, J: 2n }])
      for (const [half, isPrivate, field] of [
        ['Private', true, 'X'],
        ['Public', false, 'Y'],
      ] as const) {
        const format = `Transparent${name}${half}Key` as const
        const material = { P: 23n, G: 4n, ...more, [field]: 3n }
        const found = parts(format, material)
        assert.deepEqual(found, {
          kind,
          isPrivate,
          prime: number(23n),
          generator: number(4n),
          number: number(3n),
          ...('Q' in more && { order: number(11n) }),
          ...('J' in more && { cofactor: number(2n) }),
        })
        assert.deepEqual(found && transparentOf(format, found), material)
      }
})

const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
const whole = decodeKey('PKCS_1', true, rsa.export({ format: 'der', type: 'pkcs1' }))
const rsaNumbers = transparentOf('TransparentRSAPrivateKey', whole) as Readonly<Record<string, bigint>>

const rsaOf = (...fields: readonly string[]) => {
  const material = Object.fromEntries(fields.map((field) => [field, rsaNumbers[field]]))
  return parts('TransparentRSAPrivateKey', { Modulus: rsaNumbers['Modulus'], ...material })
}

const valueOf = (key: KeyParts | undefined, field: string) =>
  toBigInt((key as unknown as Readonly<Record<string, Uint8Array>>)[field] ?? Buffer.of(0))

test('both primes and either exponent make a whole RSA key, with all numbers that its key has', () => {
  for (const exponent of ['PublicExponent', 'PrivateExponent']) {
    const made = rsaOf('P', 'Q', exponent)
    for (const field of ['modulus', 'publicExponent', 'primeP', 'primeQ', 'exponentP', 'exponentQ'])
      assert.equal(valueOf(made, field), valueOf(whole, field), `${field} from ${exponent}`)
    assert.equal(valueOf(made, 'coefficient'), valueOf(whole, 'coefficient'))
    const [P, Q, e, d] = ['primeP', 'primeQ', 'publicExponent', 'privateExponent'].map((field) =>
      valueOf(made, field),
    ) as [bigint, bigint, bigint, bigint]
    for (const prime of [P, Q]) assert.equal((e * d) % (prime - 1n), 1n)
  }
  for (const few of [
    ['P', 'Q'],
    ['P', 'PublicExponent', 'PrivateExponent'],
    ['Q', 'PublicExponent', 'PrivateExponent'],
    ['PublicExponent', 'PrivateExponent'],
  ])
    assert.equal(rsaOf(...few), undefined, few.join())
  assert.deepEqual(rsaOf(...Object.keys(rsaNumbers)), whole)
})

test('numbers that are stated are taken as they are', () => {
  const stated = { PrimeExponentP: 3n, PrimeExponentQ: 5n, CRTCoefficient: 7n, PrivateExponent: 9n }
  const made = parts('TransparentRSAPrivateKey', { ...rsaNumbers, ...stated })
  const fields = ['exponentP', 'exponentQ', 'coefficient', 'privateExponent']
  assert.deepEqual(
    fields.map((field) => valueOf(made, field)),
    [3n, 5n, 7n, 9n],
  )
  assert.deepEqual(createPrivateKey({ key: rsa.export({ format: 'pem', type: 'pkcs8' }) }).type, 'private')
})

test('primes below 2, and exponents that have no inverse, make no key', () => {
  const small = { Modulus: 15n, PublicExponent: 3n, P: 3n, Q: 5n }
  for (const wrong of [{ P: 1n }, { Q: 1n }, { P: 0n }, { PublicExponent: 2n }, { Modulus: 25n, P: 5n }])
    assert.equal(
      parts('TransparentRSAPrivateKey', { ...small, ...wrong }),
      undefined,
      JSON.stringify(Object.keys(wrong)),
    )
  assert.throws(() => parts('TransparentRSAPrivateKey', { ...small, P: 7n }), /not the product/)
  const even = { Modulus: 35n, PublicExponent: 5n, P: 5n, Q: 7n }
  assert.equal(valueOf(parts('TransparentRSAPrivateKey', even), 'privateExponent'), 5n)
  const least = { Modulus: 6n, PublicExponent: 1n, P: 2n, Q: 3n }
  assert.equal(valueOf(parts('TransparentRSAPrivateKey', least), 'primeP'), 2n)
  const other = { Modulus: 6n, PublicExponent: 1n, P: 3n, Q: 2n }
  assert.equal(valueOf(parts('TransparentRSAPrivateKey', other), 'primeQ'), 2n)
})

test('a public RSA key needs its exponent', () => {
  const key = { kind: 'rsa', isPrivate: false, modulus: number(35n), publicExponent: number(5n) }
  assert.deepEqual(parts('TransparentRSAPublicKey', { Modulus: 35n, PublicExponent: 5n }), key)
  assert.equal(parts('TransparentRSAPublicKey', { Modulus: 35n }), undefined)
})

test('a number has as many bits as the bound says, and not one more', () => {
  const most = (1n << BigInt(numberBitsMax)) - 1n
  assert.ok(parts('TransparentRSAPublicKey', { Modulus: most, PublicExponent: 0n }))
  for (const [Modulus, why] of [
    [most + 1n, /bits at most/],
    [-1n, /negative: put a zero byte before it/],
  ] as const)
    assert.throws(() => parts('TransparentRSAPublicKey', { Modulus, PublicExponent: 3n }), why)
})

test('a key has the forms of its own kind and half alone', () => {
  const ec = { kind: 'ec', isPrivate: true, curve: 'P_256', scalar: number(5n) } as const
  for (const name of ['EC', 'ECDSA', 'ECDH', 'ECMQV'] as const) {
    assert.deepEqual(transparentOf(`Transparent${name}PrivateKey`, ec), { RecommendedCurve: 'P_256', D: 5n })
    assert.equal(transparentOf(`Transparent${name}PublicKey`, ec), undefined)
  }
  for (const name of ['RSA', 'DSA', 'DH'] as const)
    assert.equal(transparentOf(`Transparent${name}PrivateKey`, ec), undefined)
  const dh = {
    kind: 'dh',
    isPrivate: false,
    prime: number(23n),
    generator: number(4n),
    number: number(3n),
  } as const
  assert.deepEqual(transparentOf('TransparentDHPublicKey', dh), { P: 23n, G: 4n, Y: 3n })
  for (const wrong of [
    'TransparentDSAPublicKey',
    'TransparentDHPrivateKey',
    'TransparentSymmetricKey',
  ] as const)
    assert.equal(transparentOf(wrong, dh), undefined, wrong)
})
