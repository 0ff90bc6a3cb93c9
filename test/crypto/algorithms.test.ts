// Everything that the tables of algorithms offer has a known answer from outside, in test/crypto/vectors. Whoever adds an
// algorithm adds its vectors too. The other tests of this folder compute them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockCiphers, cipherModes, hashes, hmacs } from '../../src/crypto/algorithms.ts'
import { byteCurves } from '../../src/crypto/curves.ts'
import { quantumSafe } from '../../src/crypto/post-quantum.ts'
import type { Derivation } from '../../src/crypto/derive.ts'
import { filesBelow } from '../support/sources.ts'
import { vectors } from '../support/known-answers.ts'

interface Vector {
  readonly source?: string
  readonly algorithm?: string
  readonly mode?: string
  readonly hash?: string
  readonly hmac?: string
  readonly cmac?: string
  readonly scheme?: string
  readonly padding?: string
  readonly curve?: string
  readonly derivation?: { readonly method: string }
}

interface VectorFile {
  /** The source of all vectors. */
  readonly source?: string
  readonly vectors: readonly Vector[]
}

const files = filesBelow('test/crypto/vectors', '.json').map((file) => {
  const name = file.slice(file.lastIndexOf('/') + 1)
  return { name, content: vectors(name) as VectorFile }
})

/** A word for what a vector proves. */
function proven(file: string, vector: Vector): string {
  const { algorithm = 'AES', mode, hash, hmac, cmac, scheme, padding, curve, derivation } = vector
  switch (file) {
    case 'aes-modes.json':
    case 'block-modes.json':
    case 'aead.json':
    case 'key-wrap.json':
      return mode === undefined ? algorithm : `${algorithm} ${mode}`
    case 'hashes.json':
      return `hash ${hash}`
    case 'macs.json':
      return hmac === undefined ? `CMAC ${cmac}` : `HMAC ${hmac}`
    case 'signatures.json':
      return scheme === 'EdDSA' ? `signature ${curve}` : `signature ${scheme}`
    case 'rsa-encryption.json':
      return `encryption RSA ${padding}`
    case 'agreements.json':
      return curve?.startsWith('P_') ? 'agreement EC' : `agreement ${curve}`
    case 'post-quantum.json':
      return algorithm
    case 'derivations.json':
      return `derivation ${derivation?.method}`
    default:
      throw new Error(`this test does not know what ${file} proves`)
  }
}

/** Algorithms without a published answer, and why they need none of their own. */
const elsewhere: Readonly<Record<string, string>> = {
  'CMAC SM4':
    'none is published; the CMAC of AES, DES3, Camellia and ARIA is the same code, and SM4 has its ECB',
  'agreement DH': 'the published ones are long; asymmetric.test.ts computes it again with whole numbers',
  'derivation hash': 'the hashes',
  'derivation mac': 'the HMACs and CMACs',
  'derivation encrypt': 'the ciphers',
}

const methods: Readonly<Record<Derivation['method'], true>> = {
  pbkdf2: true,
  hash: true,
  mac: true,
  encrypt: true,
  counter: true,
  feedback: true,
  'double-pipeline': true,
}

function offered(): string[] {
  const ciphers = Object.keys(blockCiphers).flatMap((algorithm) =>
    Object.entries(cipherModes)
      .filter(([, { only }]) => only?.includes(algorithm) !== false)
      .map(([mode]) => `${algorithm} ${mode}`),
  )
  return [
    ...ciphers,
    'ChaCha20',
    ...Object.keys(quantumSafe),
    'ChaCha20Poly1305',
    ...Object.keys(hashes).map((name) => `hash ${name}`),
    ...Object.values(hmacs).map((name) => `HMAC ${name}`),
    ...Object.keys(blockCiphers).map((name) => `CMAC ${name}`),
    ...['RSA PKCS1V1_5', 'RSA PSS', 'ECDSA'].map((name) => `signature ${name}`),
    ...['PKCS1V1_5', 'OAEP'].map((name) => `encryption RSA ${name}`),
    ...Object.keys(byteCurves).map((name) => `${name.startsWith('X') ? 'agreement' : 'signature'} ${name}`),
    'agreement EC',
    'agreement DH',
    ...Object.keys(methods).map((name) => `derivation ${name}`),
  ]
}

test('each algorithm and mode has a known answer from outside', () => {
  const known = new Set(files.flatMap(({ name, content }) => content.vectors.map((one) => proven(name, one))))
  const names = offered()
  assert.deepEqual(
    names.filter((name) => !known.has(name) && elsewhere[name] === undefined),
    [],
    'without a known answer',
  )
  assert.deepEqual(
    Object.keys(elsewhere).filter((name) => known.has(name) || !names.includes(name)),
    [],
    'excused without need',
  )
  const unused = [...known].filter((name) => !names.includes(name))
  assert.deepEqual(unused, [], 'vectors of what is not offered')
})

test('each vector states its source', () => {
  for (const { name, content } of files)
    for (const [index, { source = content.source }] of content.vectors.entries())
      assert.match(
        source ?? '',
        /^(NIST|FIPS|RFC|RSA Laboratories|draft-|NTT|NSRI|Project|McGrew|Dobbertin)/,
        `${name} ${index}`,
      )
})
