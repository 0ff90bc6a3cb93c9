// Which attributes a client of a version sees, and in which order.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attributeNames } from '../../../src/wire/kmip/attribute-table.ts'
import { visibleKeys } from '../../../src/core/operations/visible-keys.ts'
import { attributeSet } from '../../support/server/core.ts'

test('attributes come in the order of the specification, custom ones last as they came', () => {
  const set = attributeSet({
    'x-B': { type: 'Integer', value: 1 },
    Comment: 'c',
    'x-A': { type: 'Integer', value: 1 },
    Name: { NameValue: 'n', NameType: 'URI' },
  })
  assert.deepEqual(visibleKeys(set, '1.4'), ['Name', 'Comment', 'x-B', 'x-A'])
  const all = attributeSet(Object.fromEntries([...attributeNames].toReversed().map((key) => [key, 'x'])))
  const shown = visibleKeys(all, '1.4')
  assert.deepEqual(
    shown,
    attributeNames.filter((key) => shown.includes(key)),
  )
})

test('an attribute that the version lacks is not seen', () => {
  const set = attributeSet({ Comment: 'c', ContactInformation: 'x', Sensitive: true })
  assert.deepEqual(visibleKeys(set, '1.0'), ['ContactInformation'])
  assert.deepEqual(visibleKeys(set, '1.4').toSorted(), ['Comment', 'ContactInformation', 'Sensitive'])
})

const link = (LinkType: string) => ({ LinkType, LinkedObjectIdentifier: 'x' })

test('an attribute is seen if the version can express one of its values', () => {
  const both = attributeSet({ Link: [link('PublicKeyLink'), link('ParentLink')] })
  const later = attributeSet({ Link: [link('ParentLink')] })
  assert.deepEqual(
    [visibleKeys(both, '1.0'), visibleKeys(later, '1.0'), visibleKeys(later, '1.2')],
    [['Link'], [], ['Link']],
  )
})
