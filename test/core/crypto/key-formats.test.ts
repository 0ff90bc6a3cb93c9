// Formats of keys: what Node's OpenSSL writes is read, and what is written is what OpenSSL writes. Damaged keys are refused
// with one error and never with another.

import assert from 'node:assert/strict'
import { createPrivateKey, ECDH, generateKeyPairSync, getCurves, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { curves, type CurveName } from '../../../src/core/crypto/curves.ts'
import { identifier, octetString, sequence, unsigned, writeDer } from '../../../src/core/crypto/der.ts'
import { checkKey } from '../../../src/core/crypto/key-check.ts'
import {
  decodeKey,
  encodeKey,
  isEncryptedPkcs8,
  type DerFormat,
} from '../../../src/core/crypto/key-formats.ts'
import {
  bitsOf,
  fromBigInt,
  KeyFormatError,
  toBigInt,
  type KeyParts,
} from '../../../src/core/crypto/key-parts.ts'

interface Pair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

const privateDer = ({ privateKey }: Pair, type: 'pkcs1' | 'pkcs8' | 'sec1' = 'pkcs8') =>
  privateKey.export({ type, format: 'der' })
const publicDer = ({ publicKey }: Pair, type: 'pkcs1' | 'spki' = 'spki') =>
  publicKey.export({ type, format: 'der' })

// Node's types lack Diffie-Hellman.
const generate = generateKeyPairSync as unknown as (type: string, options: object) => Pair
const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })

/** Read from each of its formats and written in each of them, the key is what OpenSSL writes. */
function inAllFormats(forms: Partial<Record<DerFormat, Buffer>>, isPrivate: boolean): KeyParts {
  const all = Object.entries(forms) as [DerFormat, Buffer][]
  let last: KeyParts | undefined
  for (const [from, der] of all) {
    const parts = decodeKey(from, isPrivate, der)
    checkKey(parts)
    for (const [to, expected] of all) assert.deepEqual(encodeKey(to, parts), expected, `${from} to ${to}`)
    last = parts
  }
  assert.ok(last)
  return last
}

test('RSA keys in PKCS#1, PKCS#8 and X.509', () => {
  const forms = { PKCS_1: privateDer(rsa, 'pkcs1'), PKCS_8: privateDer(rsa) }
  assert.equal(bitsOf(inAllFormats(forms, true)), 1024)
  inAllFormats({ PKCS_1: publicDer(rsa, 'pkcs1'), X_509: publicDer(rsa) }, false)
  const parts = decodeKey('PKCS_8', true, privateDer(rsa))
  assert.equal(encodeKey('ECPrivateKey', parts), undefined)
  assert.equal(encodeKey('X_509', parts), undefined)
})

test('keys on every curve of KMIP', () => {
  const known = new Set(getCurves())
  for (const [name, { bits }] of Object.entries(curves)) {
    const namedCurve = opensslName(name)
    assert.ok(known.has(namedCurve), namedCurve)
    const pair = generateKeyPairSync('ec', { namedCurve })
    const forms = { PKCS_8: privateDer(pair), ECPrivateKey: privateDer(pair, 'sec1') }
    const parts = inAllFormats(forms, true)
    assert.deepEqual([parts.kind === 'ec' && parts.curve, bitsOf(parts)], [name as CurveName, bits])
    inAllFormats({ X_509: publicDer(pair) }, false)
  }
})

function opensslName(name: string): string {
  const nist: Record<string, string> = { P_192: 'prime192v1', P_256: 'prime256v1' }
  const [, family, size] = /^([PKB])_(\d+)$/.exec(name) ?? []
  if (nist[name]) return nist[name]
  if (family === 'P') return `secp${size}r1`
  if (family === 'K') return `sect${size}k1`
  if (family === 'B') return `sect${size}r${size === '163' ? 2 : 1}`
  return name
    .toLowerCase()
    .replace(/^ansix9p(\d+)/, 'prime$1')
    .replace(/^ansix9/, '')
    .replace('brainpoolp', 'brainpoolP')
}

test('keys of Ed25519 and its sisters, DSA and Diffie-Hellman', () => {
  const pairs: readonly [Pair, string, number][] = [
    [generateKeyPairSync('ed25519'), 'bytes', 256],
    [generateKeyPairSync('x25519'), 'bytes', 256],
    [generateKeyPairSync('ed448'), 'bytes', 456],
    [generateKeyPairSync('x448'), 'bytes', 448],
    [generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }), 'dsa', 1024],
    [generate('dh', { group: 'modp14' }), 'dh', 2048],
  ]
  for (const [pair, kind, bits] of pairs) {
    const parts = inAllFormats({ PKCS_8: privateDer(pair) }, true)
    assert.deepEqual([parts.kind, bitsOf(parts)], [kind, bits])
    inAllFormats({ X_509: publicDer(pair) }, false)
  }
})

test('a key under a password is known as such', () => {
  const cipher = { type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: 'p' } as const
  assert.equal(isEncryptedPkcs8(rsa.privateKey.export(cipher)), true)
  assert.equal(isEncryptedPkcs8(privateDer(rsa)), false)
  assert.equal(isEncryptedPkcs8(Buffer.from('no key')), false)
})

test('a damaged key is refused wherever it is cut or changed, and no other error comes of it', () => {
  const forms: readonly [DerFormat, boolean, Buffer][] = [
    ['PKCS_1', true, privateDer(rsa, 'pkcs1')],
    ['PKCS_8', true, privateDer(p256)],
    ['ECPrivateKey', true, privateDer(p256, 'sec1')],
    ['X_509', false, publicDer(p256)],
    ['X_509', false, publicDer(rsa)],
  ]
  for (const [format, isPrivate, der] of forms) {
    const read = (bytes: Buffer) => checkKey(decodeKey(format, isPrivate, bytes))
    for (const cut of [
      der.subarray(0, -1),
      der.subarray(0, 20),
      Buffer.of(),
      Buffer.concat([der, Buffer.of(0)]),
    ])
      assert.throws(() => read(cut), KeyFormatError, `${format} ${cut.length}`)
    for (let at = 0; at < der.length; at += 3) {
      const changed = Buffer.from(der)
      changed[at] = (changed[at] ?? 0) ^ 0x41
      try {
        read(changed)
      } catch (error) {
        assert.ok(error instanceof KeyFormatError, `${format} at ${at}: ${String(error)}`)
      }
    }
  }
})

test('numbers that make no key are refused', () => {
  const parts = decodeKey('PKCS_1', true, privateDer(rsa, 'pkcs1'))
  assert.ok(parts.kind === 'rsa' && parts.isPrivate)
  const otherPrime = { ...parts, primeP: fromBigInt(toBigInt(parts.primeP) + 2n) }
  assert.throws(() => checkKey(otherPrime), /not the product/)
  const point = Buffer.from(publicDer(p256))
  point.writeUInt8((point.at(-1) ?? 0) ^ 1, point.length - 1)
  assert.throws(() => checkKey(decodeKey('X_509', false, point)), /not a public key of P_256/)
  assert.throws(() => checkKey({ ...parts, modulus: Buffer.from([5]) }), /512 to 16384 bits/)
  assert.throws(() => decodeKey('X_509', false, privateDer(p256)), KeyFormatError)
  assert.throws(() => decodeKey('ECPrivateKey', true, publicDer(p256)), KeyFormatError)
})

function checkNumber(curve: CurveName, number: bigint): void {
  checkKey({ kind: 'ec', isPrivate: true, curve, scalar: fromBigInt(number) })
}

test('the private number of a curve is at least 1 and below its order', () => {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  for (const number of [1n, order - 1n]) checkNumber('P_256', number)
  for (const number of [0n, order, order + 1n])
    assert.throws(() => checkNumber('P_256', number), /out of range/)
  for (const [name, { bits }] of Object.entries(curves))
    assert.throws(() => checkNumber(name as CurveName, (1n << BigInt(bits + 1)) - 1n), KeyFormatError, name)
})

test('an RSA key whose numbers do not fit together is refused, whichever of them is wrong', () => {
  const parts = decodeKey('PKCS_1', true, privateDer(rsa, 'pkcs1'))
  assert.ok(parts.kind === 'rsa' && parts.isPrivate)
  for (const name of [
    'publicExponent',
    'privateExponent',
    'exponentP',
    'exponentQ',
    'coefficient',
  ] as const) {
    const other = { ...parts, [name]: fromBigInt(toBigInt(parts[name]) + 2n) }
    assert.throws(() => checkKey(other), /do not fit its primes/, name)
  }
  const prime = { ...parts, primeP: Buffer.of(1), primeQ: parts.modulus }
  assert.throws(() => checkKey(prime), /not the product/)
})

test('a private key on a curve is refused with the point of another, or with the name of another curve', () => {
  const parts = decodeKey('PKCS_8', true, privateDer(p256))
  const other = decodeKey('PKCS_8', true, privateDer(generateKeyPairSync('ec', { namedCurve: 'prime256v1' })))
  assert.ok(parts.kind === 'ec' && parts.isPrivate && other.kind === 'ec' && other.isPrivate)
  assert.throws(() => checkKey({ ...parts, point: other.point }), /does not belong to its private number/)
  for (const form of ['compressed', 'hybrid'] as const) {
    const point = ECDH.convertKey(parts.point ?? Buffer.of(), 'prime256v1', undefined, undefined, form)
    checkKey({ ...parts, point: point as Buffer })
  }
  const named = (inside: CurveName) => {
    const sec1 = encodeKey('ECPrivateKey', { ...parts, curve: inside })
    const curve = sequence(identifier('1.2.840.10045.2.1'), identifier(curves.P_256.identifier))
    return writeDer(sequence(unsigned(Buffer.of(0)), curve, octetString(sec1 ?? Buffer.of())))
  }
  checkKey(decodeKey('PKCS_8', true, named('P_256')))
  assert.throws(() => decodeKey('PKCS_8', true, named('BRAINPOOLP256R1')), /names two curves/)
})

test('bytes behind the fields of a key are refused', () => {
  const version = unsigned(Buffer.of(0))
  const more = unsigned(Buffer.of(9))
  const ec = sequence(identifier('1.2.840.10045.2.1'), identifier(curves.P_256.identifier), more)
  const ed25519 = sequence(identifier('1.3.101.112'))
  const dsa = sequence(identifier('1.2.840.10040.4.1'), sequence(more, more, more, more))
  const seed = octetString(Buffer.alloc(32, 1))
  for (const key of [
    [ec, octetString(privateDer(p256, 'sec1'))],
    [ed25519, octetString(seed, more)],
    [dsa, octetString(more)],
  ])
    assert.throws(
      () => decodeKey('PKCS_8', true, writeDer(sequence(version, ...key))),
      /more fields than expected/,
    )
})

test('a SEC 1 key without its public half becomes a whole one for OpenSSL', () => {
  const parts = decodeKey('ECPrivateKey', true, privateDer(p256, 'sec1'))
  assert.ok(parts.kind === 'ec' && parts.isPrivate)
  const bare = encodeKey('PKCS_8', { ...parts, point: undefined })
  assert.ok(bare)
  assert.ok(createPrivateKey({ key: bare, format: 'der', type: 'pkcs8' }).equals(p256.privateKey))
})

test('numbers as long as a message are refused before anything is computed with them', () => {
  const long = Buffer.alloc(300_000, 0x55)
  const parts = decodeKey('PKCS_1', true, privateDer(rsa, 'pkcs1'))
  assert.ok(parts.kind === 'rsa' && parts.isPrivate)
  const began = performance.now()
  assert.throws(() => checkKey({ ...parts, primeP: long }), /16384 bits at most/)
  const dsa = decodeKey(
    'PKCS_8',
    true,
    privateDer(generate('dsa', { modulusLength: 1024, divisorLength: 160 })),
  )
  assert.ok(dsa.kind === 'dsa')
  for (const more of [{ generator: long }, { number: long }, { order: long }])
    assert.throws(() => checkKey({ ...dsa, ...more }), /16384 bits at most/)
  assert.throws(() => fromBigInt(1n << 20_000n), KeyFormatError)
  assert.ok(performance.now() - began < 2_000)
})
