// Links between objects (KMIP 1.4 §3.35): each has an index of its own, the sole one of a type replaces its like, and there is a bound.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  linksOf,
  linkTo,
  withLink,
  withRelinked,
  withSoleLink,
} from '../../../../src/core/keys/object/links.ts'
import type { AttributeSet } from '../../../../src/wire/kmip/attributes.ts'
import { attributeInstancesMax } from '../../../../src/base/bounds.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

const none = attributeSet({})
const derived = (id: string) => linkTo('DerivedKeyLink', id)
const indexed = (set: AttributeSet) =>
  (set.get('Link') ?? []).map(({ index, value }) => [
    index,
    (value as ReturnType<typeof linkTo>).LinkedObjectIdentifier,
  ])

test('a link more gets the index after the highest, and the set that was given stays as it is', () => {
  const one = withLink(none, derived('a'))
  const two = withLink(one, linkTo('PublicKeyLink', 'b'))
  assert.deepEqual(indexed(two), [
    [0, 'a'],
    [1, 'b'],
  ])
  assert.deepEqual([indexed(none), indexed(one)], [[], [[0, 'a']]])
  const gap = new Map(two).set('Link', (two.get('Link') ?? []).slice(1))
  assert.deepEqual(indexed(withLink(gap, derived('c'))), [
    [1, 'b'],
    [2, 'c'],
  ])
  assert.deepEqual(linksOf(two, 'PublicKeyLink'), ['b'])
  assert.deepEqual(linksOf(none, 'PublicKeyLink'), [])
})

test('an object has as many links as it may have attributes of a kind, and not one more', () => {
  const all = Array.from({ length: attributeInstancesMax - 1 }, (_, place) => derived(String(place)))
  const full = withLink(attributeSet({ Link: all }), derived('last'))
  assert.equal(linksOf(full, 'DerivedKeyLink').length, attributeInstancesMax)
  assert.throws(() => withLink(full, derived('more')), faults('ServerLimitExceeded', /at most/))
})

test('the sole link of a type takes the place of those of its type, and of no other', () => {
  const set = attributeSet({ Link: [derived('a'), linkTo('ReplacementObjectLink', 'b')] })
  const changed = withSoleLink(set, linkTo('ReplacementObjectLink', 'c'))
  assert.deepEqual(linksOf(changed, 'ReplacementObjectLink'), ['c'])
  assert.deepEqual(linksOf(changed, 'DerivedKeyLink'), ['a'])
  assert.deepEqual(linksOf(withSoleLink(none, derived('a')), 'DerivedKeyLink'), ['a'])
})

test('a link is led elsewhere if both its type and its object are those that are named', () => {
  const set = attributeSet({
    Link: [linkTo('PublicKeyLink', 'a'), linkTo('PublicKeyLink', 'b'), derived('a')],
  })
  const changed = withRelinked(set, linkTo('PublicKeyLink', 'a'), 'c')
  assert.deepEqual(indexed(changed), [
    [0, 'c'],
    [1, 'b'],
    [2, 'a'],
  ])
  assert.equal(withRelinked(none, derived('a'), 'c'), none)
})
