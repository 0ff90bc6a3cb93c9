// Attributes as KMIP 3.0 shows them and as they are stored: what one version wrote is what every other one reads.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AttributeSet } from '../../../src/wire/kmip/attributes.ts'
import { fromForm3, groupNames, groupsNamed, storedAs, toForm3 } from '../../../src/wire/kmip/attributes3.ts'
import { enums } from '../../../src/wire/kmip/enums.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'

const name = (text: string) => ({ NameValue: text, NameType: 'UninterpretedTextString' })
const link = (LinkType: string, to: string) => ({ LinkType, LinkedObjectIdentifier: to })
const group = (value: string) => ({ type: 'NameReference', value })
const stored = (...all: readonly (readonly [string, ...unknown[]])[]): AttributeSet =>
  new Map(all.map(([key, ...values]) => [key, values.map((value, index) => ({ index: 10 * index, value }))]))

test('names are texts, links are attributes by their kind, groups are links by name; the rest stays', () => {
  const shown = toForm3(
    stored(
      ['Name', name('one'), name('two')],
      ['RotateName', { RotateNameValue: 'turn', RotateNameType: 'UninterpretedTextString' }],
      ['ObjectGroup', 'first', 'second'],
      ['Link', link('NextLink', 'n'), link('DerivedKeyLink', 'd'), link('NextLink', 'm')],
      ['CryptographicLength', 256],
      ['CryptographicParameters', { BlockCipherMode: 'GCM' }],
    ),
  )
  assert.deepEqual(Object.fromEntries([...shown].map(([key, all]) => [key, all.map(({ value }) => value)])), {
    Name: ['one', 'two'],
    RotateName: ['turn'],
    GroupLink: [group('first'), group('second')],
    NextLink: ['n', 'm'],
    DerivedObjectLink: ['d'],
    CryptographicLength: [256],
    CryptographicParameters: [{ BlockCipherMode: 'GCM' }],
  })
  // Each kind counts from 0.
  for (const instances of shown.values())
    assert.deepEqual(
      instances.map(({ index }) => index),
      instances.map((_, at) => at),
    )
})

test('what 3.0 shows is stored as it was, whatever it is', () => {
  const linkTypes = Object.keys(enums.LinkType)
  const set = stored(
    ['Name', name('one')],
    ['RotateName', { RotateNameValue: 'turn', RotateNameType: 'UninterpretedTextString' }],
    ['ObjectGroup', 'first'],
    ['Link', ...linkTypes.map((type) => link(type, `to-${type}`))],
    ['CryptographicLength', 256],
  )
  const links: unknown[] = []
  for (const [key, instances] of toForm3(set))
    for (const { value } of instances) {
      const back = fromForm3({ key, value })
      if (back.key === 'Link') links.push(back.value)
      else assert.deepEqual(back.value, set.get(back.key)?.[0]?.value, key)
    }
  assert.deepEqual(new Set(links), new Set(set.get('Link')?.map(({ value }) => value)))
})

test('a reference of 3.0 means the stored instances of its kind, and no others', () => {
  assert.deepEqual(storedAs('GroupLink'), { key: 'ObjectGroup' })
  assert.deepEqual(storedAs('State'), { key: 'State' })
  const { key, only } = storedAs('DerivedObjectLink')
  assert.equal(key, 'Link')
  assert.deepEqual(
    [link('DerivedKeyLink', 'd'), link('NextLink', 'd')].map((value) => only?.(value)),
    [true, false],
  )
})

const refused = (given: { readonly key: string; readonly value: unknown }, says: RegExp) => {
  assert.throws(
    () => fromForm3(given),
    (error) => error instanceof Fault && error.reason === 'InvalidAttribute' && says.test(error.message),
  )
}

test('a link that is no identifier, and a group that is no name, are refused', () => {
  refused({ key: 'NextLink', value: 7 }, /NextLink must name its object/)
  refused({ key: 'GroupLink', value: 'first' }, /groups by their names alone/)
  refused(
    { key: 'GroupLink', value: { type: 'UniqueIdentifier', value: 'x' } },
    /groups by their names alone/,
  )
})

test('groups of whichever version are the same names', () => {
  assert.deepEqual(groupNames({}), [])
  const written = groupsNamed(['a', 'b'])
  assert.deepEqual(groupNames({ ObjectGroup: written.ObjectGroup }), ['a', 'b'])
  assert.deepEqual(groupNames({ GroupLink: written.GroupLink }), ['a', 'b'])
})
