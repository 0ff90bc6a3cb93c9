// The server sets some attributes of a new object, and leaves the others as the client gave them (KMIP 1.4 §3, "When
// implicitly set").

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  initialAttributes,
  isUnasked,
  ownGenerator,
  type NewObject,
} from '../../../../src/core/keys/object/initial-attributes.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

const nowMs = 5_999
const now = 5n
const digest = {
  HashingAlgorithm: 'SHA_256',
  DigestValue: Buffer.from('d'),
  KeyFormatType: 'Raw',
} as const

function made(
  given: Readonly<Record<string, unknown>>,
  {
    objectType = 'SymmetricKey',
    generated = true,
    digested = true,
  }: { objectType?: NewObject['objectType']; generated?: boolean; digested?: boolean } = {},
): Readonly<Record<string, unknown>> {
  const facts = { nowMs, generated, digest: digested ? digest : undefined }
  const attributes = initialAttributes({ objectType, attributes: attributeSet(given) }, facts)
  return Object.fromEntries([...attributes].map(([key, [instance]]) => [key, instance?.value]))
}

const always = { InitialDate: now, LastChangeDate: now, Fresh: true, LeaseTime: 3600 }
const extractable = {
  Sensitive: false,
  AlwaysSensitive: false,
  Extractable: true,
  NeverExtractable: false,
}

test('a generated key', () => {
  assert.deepEqual(made({}), {
    ...always,
    ...extractable,
    OriginalCreationDate: now,
    Digest: digest,
    RandomNumberGenerator: ownGenerator,
  })
})

test('a registered one: the server knows neither when nor how it was made', () => {
  assert.deepEqual(made({}, { generated: false, digested: false }), {
    ...always,
    ...extractable,
    RandomNumberGenerator: { RNGAlgorithm: 'Unspecified' },
  })
})

test('an opaque object has nothing of keys, but may be sensitive (KMIP 1.4 §3.48 to §3.51)', () => {
  const opaque = made({}, { objectType: 'OpaqueObject', generated: false, digested: false })
  assert.deepEqual(opaque, { ...always, ...extractable })
})

test('a template has its own dates alone, since what it says is of objects to come', () => {
  const given = { UsageLimits: { UsageLimitsTotal: 5n, UsageLimitsUnit: 'Byte' }, Sensitive: true }
  const facts = { objectType: 'Template', generated: false } as const
  assert.deepEqual(made(given, facts), { ...given, InitialDate: now, LastChangeDate: now })
})

test('what the client gives stays', () => {
  const given = {
    OriginalCreationDate: 1n,
    Fresh: false,
    RandomNumberGenerator: { RNGAlgorithm: 'ANSIX9_31' },
    ObjectGroup: 'red',
  }
  const facts = { digested: false, generated: false }
  assert.deepEqual(made(given, facts), { ...always, ...extractable, ...given })
})

test('of a key that the server makes it says itself when, and with which generator, and makes none with another', () => {
  for (const RandomNumberGenerator of [
    ownGenerator,
    { RNGAlgorithm: 'DRBG' },
    { RNGAlgorithm: 'DRBG', DRBGAlgorithm: 'CTR', HashingAlgorithm: undefined },
    { RNGAlgorithm: 'Unspecified' },
  ]) {
    const key = made({ OriginalCreationDate: 1n, RandomNumberGenerator })
    assert.equal(key['OriginalCreationDate'], now)
    assert.deepEqual(key['RandomNumberGenerator'], ownGenerator)
  }
  for (const RandomNumberGenerator of [
    { RNGAlgorithm: 'ANSIX9_31' },
    { RNGAlgorithm: 'DRBG', DRBGAlgorithm: 'HMAC' },
    { RNGAlgorithm: 'DRBG', PredictionResistance: true },
    { RNGAlgorithm: 'Unspecified', HashingAlgorithm: 'SHA_256' },
  ])
    assert.throws(() => made({ RandomNumberGenerator }), faults('InvalidField', /DRBG alone/))
})

test('whether it was always sensitive and never extractable follows from what it is at first', () => {
  for (const Sensitive of [true, false])
    for (const Extractable of [true, false]) {
      const { AlwaysSensitive, NeverExtractable } = made({ Sensitive, Extractable })
      assert.deepEqual([AlwaysSensitive, NeverExtractable], [Sensitive, !Extractable])
    }
})

test('the count of Usage Limits starts at the total, whatever the client says', () => {
  const limits = { UsageLimitsTotal: 10n, UsageLimitsUnit: 'Byte' }
  assert.deepEqual(made({ UsageLimits: limits })['UsageLimits'], { ...limits, UsageLimitsCount: 10n })
  for (const UsageLimitsCount of [0n, 4n, 1_000n])
    assert.deepEqual(made({ UsageLimits: { ...limits, UsageLimitsCount } })['UsageLimits'], {
      ...limits,
      UsageLimitsCount: 10n,
    })
})

test('the server gave a generator of its own words, and the moment of the beginning, unasked, and nothing else', () => {
  const unspecified = { RNGAlgorithm: 'Unspecified' }
  for (const [key, values, expected] of [
    ['OriginalCreationDate', { OriginalCreationDate: 5n, InitialDate: 5n }, true],
    ['OriginalCreationDate', { OriginalCreationDate: 4n, InitialDate: 5n }, false],
    ['RandomNumberGenerator', { RandomNumberGenerator: ownGenerator }, true],
    ['RandomNumberGenerator', { RandomNumberGenerator: unspecified }, true],
    ['RandomNumberGenerator', { RandomNumberGenerator: { RNGAlgorithm: 'FIPS186_2' } }, false],
    ['RandomNumberGenerator', { RandomNumberGenerator: { ...ownGenerator, DRBGAlgorithm: 'HMAC' } }, false],
    ['InitialDate', { InitialDate: 5n }, false],
    ['Comment', { Comment: 'c' }, false],
  ] as const)
    assert.equal(isUnasked(key, attributeSet(values)), expected, `${key} ${expected}`)
})
