// Split keys: any parts up to the threshold give the secret back, fewer tell nothing of it, and what does not fit is refused.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { CryptoError } from '../../../src/core/crypto/error.ts'
import { laneOf } from '../../../src/core/crypto/jobs.ts'
import { join, split, type KeyPart, type SplitMethod } from '../../../src/core/crypto/split-key.ts'
import { splitKeyShortPrimeBytes } from '../../../src/core/crypto/jobs.ts'
import { splitKeyBytesMax } from '../../../src/core/crypto/split-key.ts'

/** The Mersenne primes 2^521 - 1 and 2^127 - 1. */
const [p521, p127] = [2n ** 521n - 1n, 2n ** 127n - 1n]
const methods: readonly SplitMethod[] = [
  { name: 'gf2to8' },
  { name: 'gf2to16' },
  { name: 'prime', prime: p521 },
  { name: 'xor' },
]

const numbered = (parts: readonly Uint8Array[]): KeyPart[] =>
  parts.map((bytes, index) => ({ number: index + 1, bytes }))

const refused = (message: RegExp) => (error: unknown) =>
  error instanceof CryptoError && error.kind === 'invalid' && message.test(error.message)

for (const method of methods)
  test(`${method.name}: any parts up to the threshold, in any order, give the secret back`, () => {
    const counts = fc.integer({ min: 2, max: 7 }).chain((parts) =>
      fc.record({
        parts: fc.constant(parts),
        threshold: method.name === 'xor' ? fc.constant(parts) : fc.integer({ min: 2, max: parts }),
        order: fc.shuffledSubarray([...Array(parts).keys()], { minLength: parts }),
      }),
    )
    const secrets = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((half) => Buffer.concat([half, half]))
    fc.assert(
      fc.property(counts, secrets, ({ parts, threshold, order }, secret) => {
        const all = numbered(split({ secret, method, parts, threshold }))
        const some = order.slice(0, threshold).flatMap((index) => all[index] ?? [])
        const joined = join({ parts: some, method, secretBytes: secret.length })
        assert.deepEqual(Buffer.from(joined), secret)
      }),
      { numRuns: method.name === 'prime' ? 10 : 40 },
    )
  })

test('one part of two, of a secret of one byte, leaves every secret possible', () => {
  const method = { name: 'gf2to8' } as const
  const [own] = split({ secret: Uint8Array.of(77), method, parts: 2, threshold: 2 })
  assert.ok(own)
  const secrets = new Set(
    Array.from({ length: 256 }, (_, other) => {
      const parts = numbered([own, Uint8Array.of(other)])
      return join({ parts, method, secretBytes: 1 })[0]
    }),
  )
  assert.equal(secrets.size, 256)
})

test('fewer parts than the threshold give another secret', () => {
  const secret = randomBytes(32)
  for (const method of methods.slice(0, 2)) {
    const parts = numbered(split({ secret, method, parts: 5, threshold: 3 })).slice(0, 2)
    assert.notDeepEqual(Buffer.from(join({ parts, method, secretBytes: 32 })), secret)
  }
})

test('a part by hand: 2x + 1 over GF(2^8) and over a prime field, at 3', () => {
  // The secret is 1: the parts at 1 and 2 are 3 and 5 in both fields.
  const parts = numbered([Uint8Array.of(3), Uint8Array.of(5)])
  assert.deepEqual([...join({ parts, method: { name: 'gf2to8' }, secretBytes: 1 })], [1])
  const wide = parts.map(({ number, bytes }) => ({ number, bytes: Buffer.concat([Buffer.alloc(15), bytes]) }))
  const method = { name: 'prime', prime: p127 } as const
  assert.deepEqual([...join({ parts: wide, method, secretBytes: 15 })], [...Buffer.alloc(14), 1])
})

const secret = randomBytes(32)
const gf = { name: 'gf2to8' } as const
for (const [what, asked, message] of [
  ['one part', { secret, method: gf, parts: 1, threshold: 1 }, /2 to 255 parts/],
  ['too many parts', { secret, method: gf, parts: 256, threshold: 2 }, /2 to 255 parts/],
  ['a threshold above the parts', { secret, method: gf, parts: 3, threshold: 4 }, /threshold of 3 parts/],
  ['a threshold of one', { secret, method: gf, parts: 3, threshold: 1 }, /threshold of 3 parts/],
  ['XOR with a threshold', { secret, method: { name: 'xor' }, parts: 3, threshold: 2 }, /all needed/],
  ['nothing', { secret: Buffer.alloc(0), method: gf, parts: 2, threshold: 2 }, /1 to 8192 bytes/],
  [
    'very much',
    { secret: Buffer.alloc(splitKeyBytesMax + 1), method: gf, parts: 2, threshold: 2 },
    /1 to 8192 bytes/,
  ],
  [
    'an odd length in pieces of 16 bits',
    { secret: Buffer.alloc(31), method: { name: 'gf2to16' }, parts: 2, threshold: 2 },
    /GF\(2\^8\)/,
  ],
  [
    'a prime that is too small',
    { secret, method: { name: 'prime', prime: p127 }, parts: 2, threshold: 2 },
    /greater than any secret/,
  ],
  [
    'a prime below zero',
    { secret, method: { name: 'prime', prime: -p521 }, parts: 2, threshold: 2 },
    /greater than any secret/,
  ],
  [
    'no prime',
    { secret, method: { name: 'prime', prime: p521 - 1n }, parts: 2, threshold: 2 },
    /is no prime/,
  ],
] as const)
  test(`what cannot be split is refused: ${what}`, () => {
    assert.throws(() => split(asked), refused(message))
  })

for (const [what, parts, message] of [
  ['one part', numbered([secret]), /two parts or more/],
  ['the same part twice', [1, 1].map((number) => ({ number, bytes: secret })), /twice/],
  ['part 0', [0, 1].map((number) => ({ number, bytes: secret })), /number from 1/],
  ['parts of other lengths', numbered([secret, secret.subarray(1)]), /part 2 has 31 bytes, and not 32/],
] as const)
  test(`what cannot be joined is refused: ${what}`, () => {
    for (const name of ['xor', 'gf2to8', 'gf2to16'] as const)
      assert.throws(() => join({ parts, method: { name }, secretBytes: 32 }), refused(message))
  })

test('parts of an odd length are no pieces of 16 bits, so they are not joined', () => {
  const parts = numbered([secret.subarray(1), secret.subarray(1)])
  const asked = { parts, method: { name: 'gf2to16' }, secretBytes: 31 } as const
  assert.throws(() => join(asked), refused(/GF\(2\^8\)/))
})

test('parts of a prime field that form no secret of that length are refused', () => {
  const method = { name: 'prime', prime: p521 } as const
  // A line without slope: the secret is the parts' own value, which has 65 bytes.
  const value = Buffer.concat([Buffer.of(0), Buffer.alloc(65, 1)])
  const parts = numbered([value, value])
  assert.throws(() => join({ parts, method, secretBytes: 32 }), refused(/no such secret/))
})

test('what may take seconds counts as long, so that it never has all threads', () => {
  const usual = { secret: Buffer.alloc(32), method: { name: 'gf2to8' } } as const
  assert.equal(laneOf('split-key', { ...usual, parts: 5, threshold: 5 }), 'quick')
  assert.equal(laneOf('split-key', { ...usual, parts: 255, threshold: 255 }), 'short')
  const longest = { secret: Buffer.alloc(splitKeyBytesMax), method: { name: 'gf2to16' } } as const
  assert.equal(laneOf('split-key', { ...longest, parts: 255, threshold: 255 }), 'long')
  const short = 1n << BigInt(8 * splitKeyShortPrimeBytes - 1)
  for (const [prime, lane] of [
    [short, 'short'],
    [short << 1n, 'long'],
  ] as const) {
    const method = { name: 'prime', prime } as const
    assert.equal(laneOf('split-key', { secret: Buffer.alloc(32), method, parts: 2, threshold: 2 }), lane)
    assert.equal(laneOf('join-key', { parts: [], method, secretBytes: 32 }), lane)
  }
})
