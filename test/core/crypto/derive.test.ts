// Derivations against published vectors; what none were found for is computed again step by step as its standard says.

import assert from 'node:assert/strict'
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { derive, type Derivation } from '../../../src/core/crypto/derive.ts'
import { CryptoError, type CryptoErrorKind } from '../../../src/core/crypto/error.ts'
import { laneOf } from '../../../src/core/crypto/jobs.ts'
import { fipsMode } from '../../../src/base/fips.ts'
import { derivationShortBytes, pbkdf2ShortSteps, pbkdf2StepsMax } from '../../../src/core/crypto/derive.ts'
import { derivedBytesMax } from '../../../src/core/keys/use/derive-key.ts'
import { hex, vectors } from './known-answers.ts'

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('PBKDF2, HKDF, and the counter and feedback modes of SP 800-108', () => {
  interface Vector {
    readonly source: string
    readonly derivation: object
    readonly key: string
    readonly salt?: string
    readonly iv?: string
    readonly data?: string
    readonly derived: string
  }
  const file = vectors('derivations.json') as { readonly vectors: readonly Vector[] }
  for (const { source, derivation, key, salt, iv, data, derived } of file.vectors) {
    const whole = { ...derivation, salt: hex(salt), iv: hex(iv), data: hex(data) } as unknown as Derivation
    const bytes = derived.length / 2
    const once = () => derive({ key: hex(key), derivation: whole, bytes }).data
    // The salt is the key of an HMAC, and OpenSSL's FIPS provider takes none below 112 bits. Clients are told by core/crypto/approved.ts.
    const isShort = salt !== undefined && salt !== '' && hex(salt).length < 14
    if (fipsMode && whole.method === 'hkdf' && isShort) {
      assert.throws(once, /invalid key length/)
      continue
    }
    assert.equal(text(once()), derived, source)
    const shorter = derive({ key: hex(key), derivation: whole, bytes: bytes - 3 }).data
    assert.equal(text(shorter), derived.slice(0, -6), 'a shorter key is its beginning')
  }
})

const hmac = (key: Uint8Array, ...data: readonly Uint8Array[]) =>
  createHmac('sha256', key).update(Buffer.concat(data)).digest()
const counter = (step: number) => Buffer.of(0, 0, 0, step)

test('feedback and double pipeline, step by step', () => {
  const [key, data, iv] = [randomBytes(32), randomBytes(50), randomBytes(32)]
  const mac = { hmac: 'sha256' }
  const first = hmac(key, iv, counter(1), data)
  const second = hmac(key, first, counter(2), data)
  const feedback = derive({ key, derivation: { method: 'feedback', mac, iv, data }, bytes: 50 })
  assert.equal(text(feedback.data), text(Buffer.concat([first, second]).subarray(0, 50)))
  const [one, two] = [hmac(key, data), hmac(key, hmac(key, data))]
  const pipeline = Buffer.concat([hmac(key, one, counter(1), data), hmac(key, two, counter(2), data)])
  const doubled = derive({ key, derivation: { method: 'double-pipeline', mac, data }, bytes: 64 })
  assert.equal(text(doubled.data), text(pipeline))
})

test('a hash of the key, an HMAC and an encryption of the data', () => {
  const [key, data] = [randomBytes(16), randomBytes(32)]
  const hashed = derive({ key, derivation: { method: 'hash', hash: 'SHA_256' }, bytes: 16 })
  assert.equal(text(hashed.data), createHash('sha256').update(key).digest('hex').slice(0, 32))
  const maced = derive({ key, derivation: { method: 'mac', mac: { hmac: 'sha256' }, data }, bytes: 32 })
  assert.equal(text(maced.data), text(hmac(key, data)))
  const cipher = { algorithm: 'AES', mode: 'ECB' }
  // NIST FIPS 197, appendix C.1
  const derivation = { method: 'encrypt', cipher, data: hex('00112233445566778899aabbccddeeff') } as const
  const encrypted = derive({ key: hex('000102030405060708090a0b0c0d0e0f'), derivation, bytes: 16 })
  assert.equal(text(encrypted.data), '69c4e0d86a7b0430d8cdb78070b4c55a')
})

test('too long, too costly or unknown is refused', () => {
  const key = randomBytes(16)
  const table: readonly [Derivation, number, CryptoErrorKind][] = [
    [{ method: 'hash', hash: 'SHA_256' }, 33, 'failed'],
    [{ method: 'mac', mac: { hmac: 'sha1' }, data: key }, 21, 'failed'],
    [{ method: 'hkdf', hash: 'sha1' }, 255 * 20 + 1, 'failed'],
    [{ method: 'hkdf', hash: 'sha1', data: new Uint8Array(1025) }, 16, 'unsupported'],
    [{ method: 'encrypt', cipher: { algorithm: 'AES', mode: 'ECB' }, data: key }, 17, 'failed'],
    [{ method: 'encrypt', cipher: { algorithm: 'AES', mode: 'GCM' }, iv: key, data: key }, 16, 'unsupported'],
    [{ method: 'pbkdf2', hash: 'sha1', salt: key, iterations: 0 }, 16, 'invalid'],
    [{ method: 'pbkdf2', hash: 'sha1', salt: key, iterations: pbkdf2StepsMax + 1 }, 20, 'unsupported'],
    [{ method: 'pbkdf2', hash: 'sha1', salt: key, iterations: pbkdf2StepsMax }, 21, 'unsupported'],
  ]
  for (const [derivation, bytes, kind] of table)
    assert.throws(
      () => derive({ key, derivation, bytes }),
      (error) => error instanceof CryptoError && error.kind === kind,
      JSON.stringify([derivation.method, bytes]),
    )
})

test('what may take seconds counts as long, so that it never has all threads', () => {
  const key = randomBytes(16)
  const iterations = pbkdf2ShortSteps
  const pieces = { method: 'counter', mac: { cmac: 'DES3' } } as const
  const table: readonly [Derivation, number, 'short' | 'long'][] = [
    [{ method: 'pbkdf2', hash: 'sha1', salt: key, iterations }, 20, 'short'],
    [{ method: 'pbkdf2', hash: 'sha1', salt: key, iterations }, 21, 'long'],
    [
      { method: 'pbkdf2', hash: 'sha1', salt: new Uint8Array(derivationShortBytes / 2), iterations: 1 },
      32,
      'short',
    ],
    [
      { method: 'pbkdf2', hash: 'sha1', salt: new Uint8Array(derivationShortBytes / 2), iterations: 1 },
      33,
      'long',
    ],
    [{ ...pieces, data: new Uint8Array(derivationShortBytes / 4) }, 32, 'short'],
    [{ ...pieces, data: new Uint8Array(derivationShortBytes / 4) }, 33, 'long'],
    [{ ...pieces, method: 'feedback', data: new Uint8Array(1024 * 1024) }, derivedBytesMax, 'long'],
  ]
  for (const [derivation, bytes, lane] of table)
    assert.equal(
      laneOf('derive', { key, derivation, bytes }),
      lane,
      JSON.stringify([derivation.method, bytes]),
    )
})
