// Everything that the tables of algorithms offer has a known answer from outside, in test/crypto/vectors. Whoever adds an
// algorithm adds its vectors too. The other tests of this folder compute them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockCiphers, cipherModes, hashes, hmacs } from '../../../src/core/crypto/algorithms.ts'
import { byteCurves } from '../../../src/core/crypto/curves.ts'
import { quantumSafe } from '../../../src/core/crypto/post-quantum.ts'
import type { Derivation } from '../../../src/core/crypto/derive.ts'
import { filesBelow } from '../../support/repository/sources.ts'
import { vectors } from './known-answers.ts'

interface Vector {
  readonly source?: string
  readonly algorithm?: string
  readonly mode?: string
  readonly key?: string
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

const files = filesBelow('test/core/crypto/vectors', '.json').map((file) => {
  const name = file.slice(file.lastIndexOf('/') + 1)
  return { name, content: vectors(name) as VectorFile }
})

/** A key of XTS is two. */
function cipherWord(algorithm: string, mode: string, keyBytes: number): string {
  return `${algorithm} ${mode} ${keyBytes * 8}`
}

/** A word for what a vector proves. */
function proven(file: string, vector: Vector): string {
  const { algorithm = 'AES', mode, key = '', hash, hmac, cmac, scheme, padding, curve, derivation } = vector
  switch (file) {
    case 'aes-modes.json':
    case 'block-modes.json':
    case 'aead.json':
    case 'key-wrap.json':
      return mode === undefined ? algorithm : cipherWord(algorithm, mode, key.length / 2)
    case 'hashes.json':
      return `hash ${hash}`
    case 'macs.json':
      return hmac === undefined ? `CMAC ${cmac} ${key.length * 4}` : `HMAC ${hmac}`
    case 'signatures.json':
      return scheme?.startsWith('RSA') === true ? `signature ${scheme} ${hash}` : `signature ${curve}`
    case 'rsa-encryption.json':
      return hash === undefined ? `encryption RSA ${padding}` : `encryption RSA ${padding} ${hash}`
    case 'agreements.json':
      return `agreement ${curve ?? 'DH'}`
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
  'CMAC SM4 128': 'none is published; the CMAC of the other ciphers is the same code, and SM4 has its ECB',
  'DES3 CBC 128': 'two keys are three of which the third is the first again, and ECB has both',
  'DES3 CFB 128': 'as CBC',
  'DES3 OFB 128': 'as CBC',
  'derivation hash': 'the hashes',
  'derivation mac': 'the HMACs and CMACs',
  'derivation encrypt': 'the ciphers',
}

const methods: Readonly<Record<Derivation['method'], true>> = {
  pbkdf2: true,
  hkdf: true,
  hash: true,
  mac: true,
  encrypt: true,
  counter: true,
  feedback: true,
  'double-pipeline': true,
}

const signedHashes = ['sha1', 'sha224', 'sha256', 'sha384', 'sha512']
/** By PKCS#1 v1.5 besides, whose signatures name their hash. */
const moreHashes = ['sha512-224', 'sha512-256', 'sha3-224', 'sha3-256', 'sha3-384', 'sha3-512']
const curves = ['P_224', 'P_256', 'P_384', 'P_521']

function offered(): string[] {
  const ciphers = Object.entries(blockCiphers).flatMap(([algorithm, { byKeyBytes }]) =>
    Object.entries(cipherModes)
      .filter(([, { only }]) => only?.includes(algorithm) !== false)
      .flatMap(([mode]) =>
        Object.keys(byKeyBytes).map((bytes) => ({ algorithm, mode, bytes: Number(bytes) })),
      )
      .filter(({ mode, bytes }) => mode !== 'XTS' || bytes !== 24)
      .map(({ algorithm: name, mode, bytes }) => cipherWord(name, mode, mode === 'XTS' ? bytes * 2 : bytes)),
  )
  return [
    ...ciphers,
    'ChaCha20',
    ...Object.keys(quantumSafe),
    'ChaCha20Poly1305',
    ...Object.keys(hashes).map((name) => `hash ${name}`),
    ...Object.values(hmacs).map((name) => `HMAC ${name}`),
    ...Object.entries(blockCiphers).flatMap(([name, { byKeyBytes }]) =>
      Object.keys(byKeyBytes).map((bytes) => `CMAC ${name} ${Number(bytes) * 8}`),
    ),
    ...signedHashes.map((hash) => `signature RSA PSS ${hash}`),
    ...[...signedHashes, ...moreHashes].map((hash) => `signature RSA PKCS1V1_5 ${hash}`),
    ...curves.map((name) => `signature ${name}`),
    'signature SECP256K1',
    'encryption RSA PKCS1V1_5',
    ...signedHashes.map((hash) => `encryption RSA OAEP ${hash}`),
    ...Object.keys(byteCurves).map((name) => `${name.startsWith('X') ? 'agreement' : 'signature'} ${name}`),
    ...curves.map((name) => `agreement ${name}`),
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
        /^(NIST|FIPS|RFC|IEEE|RSA Laboratories|draft-|NTT|NSRI|Project|McGrew|Dobbertin)/,
        `${name} ${index}`,
      )
})
