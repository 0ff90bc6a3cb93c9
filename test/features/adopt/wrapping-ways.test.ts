// The ways that are tried: which ciphertexts a payload may hold, with which associated data, and when bytes count as equal.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import {
  attemptsFor,
  contentWithDigest,
  identifiersOf,
  keyFromContent,
  type Way,
} from '../../../src/features/adopt/wrapping-ways.ts'

const serviceInstance = '3b1d2c44-6a5f-4c7e-9d1a-0f2e4b8c7a61'
const name = 'vmware_kmip-7f2a'

function ways(payload: Buffer, first: readonly Way[] = []): readonly Way[] {
  return attemptsFor({ name, payload, serviceInstance }, { first: new Set(first) }).map(({ way }) => way)
}

test('the identifier is the name without its prefix; the whole name is tried too', () => {
  assert.deepEqual(identifiersOf('vmware_kmip-7f2a'), ['7f2a', 'vmware_kmip-7f2a'])
  assert.deepEqual(identifiersOf('vmware_kmip7f2a'), ['7f2a', 'vmware_kmip7f2a'])
  assert.deepEqual(identifiersOf('vmware_kmip'), ['vmware_kmip'])
})

test('text that is base64 is tried as the ciphertext, then its base64; bytes only as their base64', () => {
  assert.deepEqual(
    ways(Buffer.from('QUJDRA==')).filter((way) => way.endsWith('none')),
    ['text, aad none', 'base64, aad none'],
  )
  assert.deepEqual(ways(Buffer.of(1, 2, 3)), [
    'base64, aad none',
    'base64, aad identifier',
    'base64, aad name',
    'base64, aad instance',
  ])
})

test('JSON with a ciphertext, plain, nested or in base64, is tried with the aad that stands beside it', () => {
  const json = JSON.stringify({ kek: { ciphertext: 'QUJDRA==', aad: ['one'] } })
  for (const payload of [Buffer.from(json), Buffer.from(Buffer.from(json).toString('base64'))]) {
    const attempt = attemptsFor({ name, payload, serviceInstance }, {}).find(
      ({ way }) => way === 'json, aad json',
    )
    assert.deepEqual([attempt?.ciphertext, attempt?.aad], ['QUJDRA==', ['one']])
  }
})

test('what opened other keys is tried first', () => {
  assert.equal(ways(Buffer.from('QUJDRA=='), ['base64, aad instance'])[0], 'base64, aad instance')
})

test('of the proved ways alone, each is tried, also where another one would be the same', () => {
  const payload = Buffer.from(JSON.stringify({ ciphertext: 'QUJDRA==', aad: [] }))
  const only = new Set<Way>(['json, aad none'])
  const [attempt, ...others] = attemptsFor({ name, payload, serviceInstance }, { only })
  assert.deepEqual([attempt?.way, others], ['json, aad none', []])
})

test('a key is found as it is, in base64 and in hex, and otherwise not', () => {
  const key = Buffer.alloc(32, 0xa7)
  const digest = createHash('sha256').update(key).digest()
  for (const [opened, content] of [
    [key, 'bytes'],
    [Buffer.from(key.toString('base64')), 'base64'],
    [Buffer.from(key.toString('hex')), 'hex'],
    [Buffer.from(key.toString('hex').toUpperCase()), 'hex'],
  ] as const) {
    assert.equal(contentWithDigest(opened, digest), content)
    assert.deepEqual(keyFromContent(opened, content), key)
  }
  for (const opened of [Buffer.alloc(32, 8), Buffer.from('a7a'), Buffer.from('zz'), Buffer.of()])
    assert.equal(contentWithDigest(opened, digest), undefined)
})
