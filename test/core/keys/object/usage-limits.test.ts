// What a use takes of a key's Usage Limits (KMIP 1.4 §3.21).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { allocateUsage, spendUsage } from '../../../../src/core/keys/object/usage-limits.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

const limited = (unit: 'Byte' | 'Object', total: bigint, count?: bigint) =>
  attributeSet({
    UsageLimits: { UsageLimitsTotal: total, UsageLimitsUnit: unit, UsageLimitsCount: count },
  })

test('bytes or objects go from the count, to its last', () => {
  const table = [
    ['Byte', 16n, undefined, { bytes: 16, objects: 1 }, 0n],
    ['Byte', 16n, 10n, { bytes: 3, objects: 1 }, 7n],
    ['Byte', 16n, 0n, { bytes: 0, objects: 1 }, 0n],
    ['Object', 5n, 5n, { bytes: 1000, objects: 1 }, 4n],
    ['Object', 5n, 0n, { bytes: 1000, objects: 0 }, 0n],
  ] as const
  for (const [unit, total, count, amount, left] of table) {
    const after = spendUsage(limited(unit, total, count), amount)
    assert.deepEqual(after && first(after, 'UsageLimits'), {
      UsageLimitsTotal: total,
      UsageLimitsCount: left,
      UsageLimitsUnit: unit,
    })
  }
  assert.equal(spendUsage(attributeSet({}), { bytes: 1e9, objects: 1 }), undefined)
})

test('never more than is left', () => {
  for (const set of [limited('Byte', 16n), limited('Byte', 99n, 16n)])
    assert.throws(() => spendUsage(set, { bytes: 17, objects: 1 }), faults('PermissionDenied'))
  assert.throws(
    () => spendUsage(limited('Object', 1n, 0n), { bytes: 0, objects: 1 }),
    faults('PermissionDenied'),
  )
})

test('a client may take a part of what is left for itself, and no more', () => {
  const after = allocateUsage(limited('Byte', 16n, 10n), 10n)
  assert.equal(first(after, 'UsageLimits')?.UsageLimitsCount, 0n)
  for (const [set, count, reason] of [
    [limited('Object', 16n, 10n), 11n, 'PermissionDenied'],
    [limited('Object', 16n, 10n), 0n, 'InvalidField'],
    [limited('Object', 16n, 10n), -1n, 'InvalidField'],
    [attributeSet({}), 1n, 'AttributeNotFound'],
  ] as const)
    assert.throws(() => allocateUsage(set, count), faults(reason), `${count}`)
})
