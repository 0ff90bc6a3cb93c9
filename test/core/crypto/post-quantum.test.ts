// ML-KEM, ML-DSA and SLH-DSA: published answers, keys in each of their forms, and what is refused.

import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { runJob, laneOf, type JobOutput } from '../../../src/core/crypto/jobs.ts'
import { checkKey } from '../../../src/core/crypto/key-check.ts'
import { decodeKey, encodeKey } from '../../../src/core/crypto/key-formats.ts'
import { bitsOf } from '../../../src/core/crypto/key-parts.ts'
import { quantumSafe, type QuantumSafeName } from '../../../src/core/crypto/post-quantum.ts'
import { keyFromRaw, quantumSafeIn, rawOf } from '../../../src/core/crypto/quantum-safe-keys.ts'
import { vectors } from './known-answers.ts'

type Vector = { readonly source: string; readonly algorithm: QuantumSafeName } & (
  | { readonly proves: 'key'; readonly seed: string; readonly publicKey: string }
  | {
      readonly proves: 'decapsulation'
      readonly privateKey: string
      readonly ciphertext: string
      readonly secret: string
    }
  | {
      readonly proves: 'signature'
      readonly publicKey: string
      readonly data: string
      readonly signature: string
      readonly valid: boolean
    }
)

const all = (vectors('post-quantum.json') as { readonly vectors: readonly Vector[] }).vectors
const keys = all.filter((one) => one.proves === 'key')
const decapsulations = all.filter((one) => one.proves === 'decapsulation')
const signatures = all.filter((one) => one.proves === 'signature')
const hex = (text: string) => Buffer.from(text, 'hex')
const names = Object.keys(quantumSafe) as QuantumSafeName[]

function der(name: QuantumSafeName, isPrivate: boolean, raw: Uint8Array): Buffer {
  const encoded = encodeKey(isPrivate ? 'PKCS_8' : 'X_509', keyFromRaw(name, isPrivate, raw))
  assert.ok(encoded)
  return encoded
}

function signed(pkcs8: Uint8Array, data: Uint8Array): Uint8Array {
  const opening = { kind: 'signature', key: { pkcs8 }, scheme: { scheme: 'ec' } } as const
  const { data: signature } = runJob('whole', { opening, data, ending: {} }) as JobOutput<'whole'>
  assert.ok(signature)
  return signature
}

function verified(spki: Uint8Array, data: Uint8Array, expected: Uint8Array): boolean | undefined {
  const opening = { kind: 'signature', key: { spki }, scheme: { scheme: 'ec' }, verify: true } as const
  return (runJob('whole', { opening, data, ending: { expected } }) as JobOutput<'whole'>).valid
}

/** The small sets of SLH-DSA, but for one. OpenSSL signs in them as in the others: what is ours is their names and lengths. */
function signsForSeconds(name: QuantumSafeName): boolean {
  return /^SLH_DSA_.*s$/.test(name) && name !== 'SLH_DSA_SHA2_128s'
}

function publicOf(pkcs8: Buffer): Buffer {
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
}

for (const { source, algorithm, seed, publicKey } of keys)
  test(`${algorithm}: the seed makes the published public key (${source})`, () => {
    const { family } = quantumSafe[algorithm]
    const [pkcs8, spki] = [der(algorithm, true, hex(seed)), der(algorithm, false, hex(publicKey))]
    if (signsForSeconds(algorithm)) {
      assert.equal(quantumSafeIn(pkcs8), algorithm)
      assert.deepEqual(publicOf(pkcs8), spki)
      return
    }
    // The root of SLH-DSA's tree is the public key: a signature of the seed leads to it.
    if (family !== 'ml-kem') {
      const data = Buffer.from('known answer')
      const signature = signed(pkcs8, data)
      assert.equal(verified(spki, data, signature), true)
      assert.equal(verified(spki, Buffer.from('other'), signature), false)
      return
    }
    const made = runJob('encapsulate', { key: { spki } }) as JobOutput<'encapsulate'>
    const { encapsulated } = made
    const found = runJob('decapsulate', { key: { pkcs8 }, encapsulated }) as JobOutput<'decapsulate'>
    assert.deepEqual(Buffer.from(found.data), Buffer.from(made.data))
  })

for (const { source, algorithm, privateKey, ciphertext, secret } of decapsulations)
  test(`${algorithm}: the published secret (${source})`, () => {
    const key = { pkcs8: der(algorithm, true, hex(privateKey)) }
    for (const kem of [undefined, 'MLKEM'] as const) {
      const found = runJob('decapsulate', { key, kem, encapsulated: hex(ciphertext) })
      assert.equal(Buffer.from((found as JobOutput<'decapsulate'>).data).toString('hex'), secret)
    }
    assert.throws(() => runJob('decapsulate', { key, kem: 'DHKEM', encapsulated: hex(ciphertext) }), {
      message: 'the KEM Algorithm is DHKEM, and the key is one for MLKEM',
    })
    assert.throws(() => runJob('decapsulate', { key, encapsulated: hex(ciphertext).subarray(1) }), {
      kind: 'invalid',
    })
  })

for (const { source, algorithm, publicKey, data, signature, valid } of signatures)
  test(`${algorithm}: ${valid ? 'a valid' : 'an invalid'} signature (${source})`, () => {
    const spki = der(algorithm, false, hex(publicKey))
    assert.equal(verified(spki, hex(data), hex(signature)), valid)
  })

for (const algorithm of names)
  test(`${algorithm}: a new pair in its forms`, () => {
    const input = { type: 'quantum-safe', algorithm } as const
    const pair = runJob('generate-key-pair', input) as JobOutput<'generate-key-pair'>
    assert.equal(laneOf('generate-key-pair', input), algorithm.startsWith('SLH') ? 'long' : 'short')
    assert.equal(quantumSafeIn(pair.privateKey), algorithm)
    for (const [isPrivate, bytes, format] of [
      [true, pair.privateKey, 'PKCS_8'],
      [false, pair.publicKey, 'X_509'],
    ] as const) {
      const parts = decodeKey(format, isPrivate, bytes)
      assert.ok(parts.kind === 'quantum-safe')
      assert.equal(parts.algorithm, algorithm)
      assert.equal(bitsOf(parts), quantumSafe[algorithm].publicBytes * 8)
      checkKey(parts)
      assert.deepEqual(encodeKey(format, parts), Buffer.from(bytes))
      const raw = rawOf(parts)
      assert.equal(raw?.length, quantumSafe[algorithm][isPrivate ? 'privateBytes' : 'publicBytes'])
      checkKey(keyFromRaw(algorithm, isPrivate, raw))
      assert.throws(() => keyFromRaw(algorithm, isPrivate, raw.subarray(1)), /has \d+ bytes, not \d+/)
    }
  })

test('a damaged private key is found when it comes', () => {
  const pair = runJob('generate-key-pair', { type: 'quantum-safe', algorithm: 'ML_KEM_512' })
  const parts = decodeKey('PKCS_8', true, (pair as JobOutput<'generate-key-pair'>).privateKey)
  assert.ok(parts.kind === 'quantum-safe')
  const content = Buffer.from(parts.content)
  // The seed no longer makes the key beside it.
  content.writeUInt8(content.readUInt8(12) ^ 1, 12)
  assert.throws(() => checkKey({ ...parts, content }), { message: 'this is not a private key of ML_KEM_512' })
  assert.throws(() => checkKey({ ...parts, algorithm: 'ML_KEM_768' }), /not a private key of ML_KEM_768/)
})

test('digests are not signed, and a key for signatures makes no secret', () => {
  const pair = runJob('generate-key-pair', { type: 'quantum-safe', algorithm: 'ML_DSA_44' })
  const { privateKey: pkcs8, publicKey: spki } = pair as JobOutput<'generate-key-pair'>
  const data = Buffer.alloc(32)
  for (const more of [{ digested: true }, { scheme: { scheme: 'ec', hash: 'sha256' } }] as const) {
    const opening = { kind: 'signature', key: { pkcs8 }, scheme: { scheme: 'ec' }, ...more } as const
    assert.throws(() => runJob('whole', { opening, data, ending: {} }), { kind: 'unsupported' })
  }
  assert.throws(() => runJob('encapsulate', { key: { spki } }), { kind: 'invalid' })
})

test('signatures of SLH-DSA are long, and large keys of ML-DSA are not', () => {
  for (const [algorithm, signs, verifies] of [
    ['ML_DSA_87', 'short', 'short'],
    ['SLH_DSA_SHA2_128f', 'long', 'short'],
  ] as const) {
    const pair = runJob('generate-key-pair', { type: 'quantum-safe', algorithm })
    const { privateKey: pkcs8, publicKey: spki } = pair as JobOutput<'generate-key-pair'>
    const sign = { kind: 'signature', key: { pkcs8 }, scheme: { scheme: 'ec' } } as const
    const verify = { kind: 'signature', key: { spki }, scheme: { scheme: 'ec' }, verify: true } as const
    assert.equal(laneOf('whole', { opening: sign, data: Buffer.alloc(9), ending: {} }), signs)
    assert.equal(laneOf('whole', { opening: verify, data: Buffer.alloc(9), ending: {} }), verifies)
  }
})
