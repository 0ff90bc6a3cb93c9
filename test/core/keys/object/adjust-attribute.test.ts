// Adjust Attribute (KMIP 2.1 §6.1.3): numbers grow and shrink as far as their type goes, a Boolean turns, and nothing else is adjusted.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adjustAttribute, type Adjustment } from '../../../../src/core/keys/object/adjust-attribute.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

function adjust(key: string, old: unknown, adjustment: Adjustment['adjustment'], by?: Adjustment['by']) {
  const attributes = attributeSet(old === undefined ? {} : { [key]: old })
  const target = { objectType: 'SymmetricKey', state: 'PreActive', attributes, now: 100n } as const
  return adjustAttribute(target, { key, adjustment, by, version: '2.1' }).instance.value
}

const custom = (type: string, value: unknown) => ({ type, value }) as NonNullable<Adjustment['by']>

test('a number grows or shrinks by 1, or by what is given, up to the ends of its type and no further', () => {
  for (const [type, least, most] of [
    ['Integer', -(2n ** 31n), 2n ** 31n - 1n],
    ['Interval', 0n, 2n ** 32n - 1n],
    ['LongInteger', -(2n ** 63n), 2n ** 63n - 1n],
  ] as const) {
    const of = (value: bigint) => custom(type, type === 'LongInteger' ? value : Number(value))
    assert.deepEqual(adjust('x-N', of(most - 1n), 'Increment'), of(most))
    assert.deepEqual(adjust('x-N', of(least + 1n), 'Decrement'), of(least))
    assert.deepEqual(adjust('x-N', of(most - 2n), 'Increment', of(2n)), of(most))
    assert.throws(() => adjust('x-N', of(most), 'Increment'), faults('NumericRange'))
    assert.throws(() => adjust('x-N', of(least), 'Decrement'), faults('NumericRange'))
    assert.throws(() => adjust('x-N', of(most - 1n), 'Increment', of(2n)), faults('NumericRange'))
    for (const by of [custom('Integer', 1), custom('LongInteger', 1n), custom('Interval', 1)])
      assert.deepEqual(adjust('x-N', of(most - 1n), 'Increment', by), of(most))
  }
})

test('a Boolean turns, and counts as false where there is none; nothing else does, nor by a number', () => {
  assert.deepEqual(adjust('x-B', custom('Boolean', true), 'Negate'), custom('Boolean', false))
  assert.deepEqual(adjust('x-B', custom('Boolean', false), 'Negate'), custom('Boolean', true))
  const wrong = faults('InvalidDataType', /has no value for/)
  assert.throws(() => adjust('x-B', custom('Boolean', true), 'Negate', custom('Integer', 1)), wrong)
  assert.throws(() => adjust('x-B', custom('Integer', 1), 'Negate'), wrong)
  assert.throws(() => adjust('x-B', custom('Boolean', true), 'Increment'), wrong)
  assert.throws(() => adjust('x-B', custom('TextString', 'a'), 'Increment'), wrong)
  assert.throws(() => adjust('x-B', custom('Integer', 1), 'Increment', custom('TextString', 'a')), wrong)
  assert.throws(() => adjust('x-B', undefined, 'Increment'), wrong)
  assert.throws(() => adjust('Comment', 'text', 'Increment'), wrong)
})

test('an attribute of the protocol that is not there counts as 0 or false', () => {
  assert.equal(adjust('RotateInterval', undefined, 'Increment', custom('Interval', 60)), 60)
  assert.equal(adjust('RotateAutomatic', undefined, 'Negate'), true)
})
