// Signatures, RSA encryption and agreements against published vectors.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AsymmetricKey, SignatureScheme } from '../../../src/core/crypto/asymmetric.ts'
import { byteCurves } from '../../../src/core/crypto/curves.ts'
import { CryptoError } from '../../../src/core/crypto/error.ts'
import { laneOf, runJob } from '../../../src/core/crypto/jobs.ts'
import { encodeKey } from '../../../src/core/crypto/key-formats.ts'
import type { Opening } from '../../../src/core/crypto/openings.ts'
import { fromBigInt, toBigInt, type KeyParts } from '../../../src/core/crypto/key-parts.ts'
import { inverse } from '../../../src/core/crypto/finite-field.ts'
import { agreementKeyShortBytes, certificateChainShort } from '../../../src/core/crypto/jobs.ts'
import { hex, inParts, vectors, whole } from './known-answers.ts'

function der(format: 'PKCS_8' | 'X_509', parts: KeyParts): Buffer {
  const encoded = encodeKey(format, parts)
  assert.ok(encoded)
  return encoded
}

/** A key of a curve: its numbers or its bytes. */
function curveKey(curve: string, isPrivate: boolean, key: Uint8Array): Buffer {
  const format = isPrivate ? 'PKCS_8' : 'X_509'
  if (Object.hasOwn(byteCurves, curve))
    return der(format, { kind: 'bytes', isPrivate, curve: curve as 'Ed25519', key })
  const named = curve as 'P_256'
  return der(
    format,
    isPrivate
      ? { kind: 'ec', isPrivate, curve: named, scalar: key }
      : { kind: 'ec', isPrivate, curve: named, point: key },
  )
}

interface SignatureVector {
  readonly source: string
  readonly scheme: 'RSA PSS' | 'RSA PKCS1V1_5' | 'ECDSA' | 'EdDSA'
  readonly hash?: string
  readonly saltBytes?: number
  readonly modulus?: string
  readonly exponent?: string
  readonly curve?: string
  readonly secret?: string
  readonly point?: string
  readonly data: string
  readonly signature: string
}

const { vectors: signatures } = vectors('signatures.json') as {
  readonly vectors: readonly SignatureVector[]
}

function publicKeyOf({ modulus, exponent = '', curve = '', point = '' }: SignatureVector): AsymmetricKey {
  if (modulus === undefined) return { spki: curveKey(curve, false, hex(point)) }
  const publicExponent = hex(exponent.padStart(6, '0'))
  return { spki: der('X_509', { kind: 'rsa', isPrivate: false, modulus: hex(modulus), publicExponent }) }
}

function schemeOf({ scheme, hash = '', saltBytes }: SignatureVector): SignatureScheme {
  switch (scheme) {
    case 'RSA PSS':
      return { scheme: 'rsa', padding: 'PSS', hash, maskHash: hash, saltBytes }
    case 'RSA PKCS1V1_5':
      return { scheme: 'rsa', padding: 'PKCS1V1_5', hash }
    case 'ECDSA':
      return { scheme: 'ec', hash }
    case 'EdDSA':
      return { scheme: 'ec' }
    default:
      return scheme satisfies never
  }
}

test('signatures', () => {
  for (const vector of signatures) {
    const { source, data, signature, secret, curve = '' } = vector
    const scheme = schemeOf(vector)
    const key = publicKeyOf(vector)
    const verified = (expected: Uint8Array, of = data) =>
      inParts({ kind: 'signature', key, scheme, verify: true }, hex(of), { expected }).valid
    assert.equal(verified(hex(signature)), true, source)
    assert.equal(verified(hex(signature), `${data}00`), false, source)
    for (const at of [0, 1, signature.length / 2 - 1]) {
      const changed = hex(signature)
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.equal(verified(changed), false, `${source}, byte ${at}`)
    }
    if (secret === undefined) continue
    const pkcs8 = curveKey(curve, true, hex(secret))
    assert.equal(whole({ kind: 'signature', key: { pkcs8 }, scheme }, hex(data)).data, signature, source)
  }
})

/** Signatures that anybody can make: of zeros, of the order of the curve, or in a form that is not DER. */
test('no made-up signature of a curve is accepted', () => {
  const vector = signatures.find(({ curve }) => curve === 'P_256')
  assert.ok(vector)
  const key = publicKeyOf(vector)
  const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
  const numbers = ['020100', '020101', `022100${order}`, '0201ff', '0200', '']
  const pairs = numbers.flatMap((r) => numbers.map((s) => r + s))
  const { signature } = vector
  // The right one, but with bytes after it, without the leading zero, with a longer length, and bare.
  const odd = [
    `${signature}00`,
    signature.replace('022100', '0220'),
    `3081${signature.slice(2)}`,
    signature.slice(12),
  ]
  const made = [...pairs.map((pair) => `30${(pair.length / 2).toString(16).padStart(2, '0')}${pair}`), ...odd]
  const opening: Opening = { kind: 'signature', key, scheme: schemeOf(vector), verify: true }
  for (const one of made) {
    assert.equal(whole(opening, hex(vector.data), { expected: hex(one) }).valid, false, one)
  }
})

test('RSA decryption', () => {
  const { vectors: all } = vectors('rsa-encryption.json') as {
    readonly vectors: readonly Readonly<Record<'source' | 'padding' | 'data' | 'ciphertext', string>>[]
  }
  for (const vector of all) {
    const { hash = '', primeP = '', primeQ = '', exponent = '' } = vector as Partial<Record<string, string>>
    const pkcs8 = rsaPrivateKey(hex(primeP), hex(primeQ), hex(exponent))
    const scheme =
      vector.padding === 'OAEP'
        ? ({ padding: 'OAEP', hash, maskHash: hash, label: new Uint8Array(0) } as const)
        : ({ padding: 'PKCS1V1_5' } as const)
    const opening = { kind: 'rsa-decrypt', key: { pkcs8 }, scheme } as const
    for (const compute of [whole, inParts])
      assert.equal(compute(opening, hex(vector.ciphertext)).data, vector.data, vector.source)
  }
})

function rsaPrivateKey(primeP: Uint8Array, primeQ: Uint8Array, publicExponent: Uint8Array): Buffer {
  const [p, q, e] = [toBigInt(primeP), toBigInt(primeQ), toBigInt(publicExponent)]
  const d = inverse(e, (p - 1n) * (q - 1n))
  const coefficient = inverse(q, p)
  assert.ok(d !== undefined && coefficient !== undefined)
  return der('PKCS_8', {
    kind: 'rsa',
    isPrivate: true,
    modulus: fromBigInt(p * q),
    publicExponent,
    privateExponent: fromBigInt(d),
    primeP,
    primeQ,
    exponentP: fromBigInt(d % (p - 1n)),
    exponentQ: fromBigInt(d % (q - 1n)),
    coefficient: fromBigInt(coefficient),
  })
}

function agreed(privateKey: Uint8Array, publicKey: Uint8Array, bytes: number): string {
  const { data } = runJob('agree', { privateKey, publicKey, bytes }) as { readonly data: Uint8Array }
  return Buffer.from(data).toString('hex')
}

interface AgreementVector {
  readonly source: string
  readonly curve?: string
  readonly secret: string
  readonly point?: string
  /** The prime of a field, with the generator and the other party's public number. */
  readonly prime?: string
  readonly generator?: string
  readonly public?: string
  readonly shared: string
}

/** The private and the public key, in DER. */
function agreementKeys(vector: AgreementVector): [own: Buffer, other: Buffer] {
  const { curve = '', secret, point = '' } = vector
  if (vector.prime === undefined)
    return [curveKey(curve, true, hex(secret)), curveKey(curve, false, hex(point))]
  const { prime, generator = '', public: number = '' } = vector
  const numbers = { kind: 'dh', prime: hex(prime), generator: hex(generator) } as const
  return [
    der('PKCS_8', { ...numbers, isPrivate: true, number: hex(secret) }),
    der('X_509', { ...numbers, isPrivate: false, number: hex(number) }),
  ]
}

test('agreements on curves and in a prime field', () => {
  const { vectors: all } = vectors('agreements.json') as { readonly vectors: readonly AgreementVector[] }
  for (const vector of all) {
    const { source, shared } = vector
    assert.equal(agreed(...agreementKeys(vector), shared.length / 2), shared, source)
  }
})

test('an agreement with a public key that makes every secret the same is refused', () => {
  for (const [curve, bytes] of [
    ['X25519', 32],
    ['X448', 56],
  ] as const) {
    const own = curveKey(curve, true, Buffer.alloc(bytes, 7))
    for (const first of [0, 1]) {
      const other = curveKey(curve, false, Buffer.alloc(bytes).fill(first, 0, 1))
      assert.throws(() => agreed(own, other, bytes), CryptoError, `${curve} ${first}`)
    }
  }
})

/** A key of this many bits; nothing looks whether its numbers make one. */
function bogusRsa(bits: number): Buffer {
  const half = Buffer.alloc(bits / 16, 0xff)
  const product = toBigInt(half) * toBigInt(half)
  return der('PKCS_8', {
    kind: 'rsa',
    isPrivate: true,
    modulus: fromBigInt(product),
    publicExponent: Buffer.of(1, 0, 1),
    privateExponent: fromBigInt(product - 2n),
    primeP: half,
    primeQ: half,
    exponentP: half,
    exponentQ: half,
    coefficient: half,
  })
}

const agreementWith = (bytes: number) => ({
  privateKey: new Uint8Array(bytes),
  publicKey: new Uint8Array(1),
  bytes: 32,
})

const chainOf = (length: number) => ({
  certificates: Array.from({ length }, () => new Uint8Array(1)),
  atMs: 0,
})

test('a long private key has its computations count as long, and one of more bits than are made here is not computed with', () => {
  const scheme = { scheme: 'rsa', padding: 'PKCS1V1_5', hash: 'sha256' } as const
  const opening = (bits: number): Opening => ({ kind: 'signature', key: { pkcs8: bogusRsa(bits) }, scheme })
  const lane = (bits: number) => laneOf('whole', { opening: opening(bits), data: Buffer.of(1) })
  assert.deepEqual([lane(4_096), lane(8_192)], ['short', 'long'])
  for (const compute of [whole, inParts])
    assert.throws(() => compute(opening(16_384), Buffer.of(1)), { kind: 'unsupported' })
  assert.equal(laneOf('agree', agreementWith(agreementKeyShortBytes)), 'short')
  assert.equal(laneOf('agree', agreementWith(agreementKeyShortBytes + 1)), 'long')
  assert.equal(laneOf('validate-chain', chainOf(certificateChainShort)), 'short')
  assert.equal(laneOf('validate-chain', chainOf(certificateChainShort + 1)), 'long')
})
