// Hashes and MACs against published vectors, whole and in parts.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { CryptoError } from '../../../src/core/crypto/error.ts'
import { hashName, type MacAlgorithm } from '../../../src/core/crypto/macs.ts'
import type { Opening } from '../../../src/core/crypto/openings.ts'
import { hex, inParts, vectors, whole } from './known-answers.ts'

test('hashes', () => {
  interface Vector {
    readonly source: string
    readonly hash: string
    readonly data: string
    readonly digest: string
  }
  for (const { source, hash, data, digest } of (
    vectors('hashes.json') as { readonly vectors: readonly Vector[] }
  ).vectors)
    for (const compute of [whole, inParts])
      assert.equal(compute({ kind: 'hash', hash }, hex(data)).data, digest, source)
  for (const name of ['MD2', 'Tiger', undefined])
    assert.throws(
      () => hashName(name),
      (error) => error instanceof CryptoError && error.kind === 'unsupported',
    )
})

test('HMAC and CMAC, made and verified', () => {
  interface Vector {
    readonly source: string
    readonly hmac?: string
    readonly cmac?: string
    readonly key: string
    readonly data: string
    readonly mac: string
  }
  for (const vector of (vectors('macs.json') as { readonly vectors: readonly Vector[] }).vectors) {
    const { source, key, data, mac } = vector
    const algorithm = (
      vector.hmac === undefined ? { cmac: vector.cmac } : { hmac: vector.hmac }
    ) as MacAlgorithm
    const opening = { kind: 'mac', key: hex(key), algorithm } as const
    for (const compute of [whole, inParts]) {
      assert.equal(compute(opening, hex(data)).data, mac, source)
      const verified = (expected: Uint8Array) => {
        const verifying: Opening = { ...opening, verify: true }
        const { data: told, valid } = compute(verifying, hex(data), { expected })
        assert.equal(told, '', 'a verification does not tell the MAC')
        return valid
      }
      assert.equal(verified(hex(mac)), true, source)
      assert.equal(verified(hex(mac).subarray(1)), false, source)
      assert.equal(verified(hex(mac).with(0, (hex(mac)[0] ?? 0) ^ 1)), false, source)
    }
  }
})

test('there is no CMAC of a key of another length', () => {
  const opening: Opening = { kind: 'mac', key: randomBytes(15), algorithm: { cmac: 'AES' } }
  assert.throws(
    () => whole(opening, Buffer.of(1)),
    (error) => error instanceof CryptoError && error.kind === 'unsupported',
  )
})
