// The attributes of a new object: those that its request states lie over those of the templates that it names.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AttributeSet } from '../../../src/wire/kmip/attributes.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { templatesMax } from '../../../src/core/operations/wanted-attributes.ts'
import type { Context } from '../../../src/core/operations/handler.ts'
import { defaulted, overlaid, wantedAttributes } from '../../../src/core/operations/wanted-attributes.ts'
import { attributeSet, faults } from '../../support/server/core.ts'

const valuesOf = (set: AttributeSet) =>
  Object.fromEntries([...set].map(([key, instances]) => [key, instances.map(({ value }) => value)]))

test('the upper set goes before the lower one; of what has several instances both count, each value once', () => {
  for (const [below, above, expected] of [
    [{ Comment: 'a' }, {}, { Comment: ['a'] }],
    [{}, { Comment: 'b' }, { Comment: ['b'] }],
    [{ Comment: 'a' }, { Comment: 'b' }, { Comment: ['b'] }],
    [{ ObjectGroup: 'a' }, { ObjectGroup: 'b' }, { ObjectGroup: ['a', 'b'] }],
    [{ ObjectGroup: ['a', 'b'] }, { ObjectGroup: ['b', 'c'] }, { ObjectGroup: ['a', 'b', 'c'] }],
    [{ ObjectGroup: 'a' }, { Comment: 'b' }, { ObjectGroup: ['a'], Comment: ['b'] }],
  ] as const) {
    const set = overlaid(attributeSet(below), attributeSet(above))
    assert.deepEqual(valuesOf(set), expected)
    for (const instances of set.values())
      assert.deepEqual(
        instances.map(({ index }) => index),
        instances.map((_, place) => place),
      )
  }
})

const templates: Readonly<Record<string, AttributeSet>> = {
  first: attributeSet({
    Name: { NameValue: 'first', NameType: 'UninterpretedTextString' },
    CryptographicLength: 128,
    ContactInformation: 'first',
    ObjectGroup: 'first',
    CertificateType: 'X_509',
    State: 'Active',
  }),
  second: attributeSet({ CryptographicLength: 256, ObjectGroup: 'second' }),
}

const context = (rules: readonly object[] = []) =>
  ({
    version: '1.4',
    transaction: {
      template: async ({ NameValue }: { readonly NameValue: string }) => templates[NameValue],
      rules: { defaults: async () => rules },
    },
  }) as unknown as Context

const wanted = (names: readonly string[], Attribute: readonly object[] = []) => {
  const Name = names.map((NameValue) => ({ NameValue, NameType: 'UninterpretedTextString' }))
  const request = { TemplateAttribute: { Name, Attribute } } as unknown as Request<'Create'>
  return wantedAttributes(request, 'SymmetricKey', context())
}

test('a later template goes before an earlier one, a stated attribute before both, and the Name stays with its template', async () => {
  assert.deepEqual(valuesOf(await wanted(['first'])), {
    CryptographicLength: [128],
    ContactInformation: ['first'],
    ObjectGroup: ['first'],
  })
  const stated = [{ AttributeName: 'Contact Information', AttributeValue: 'stated' }]
  assert.deepEqual(valuesOf(await wanted(['first', 'second'], stated)), {
    CryptographicLength: [256],
    ContactInformation: ['stated'],
    ObjectGroup: ['first', 'second'],
  })
  assert.deepEqual(valuesOf(await wanted(['second', 'first']))['CryptographicLength'], [128])
  assert.deepEqual(valuesOf(await wantedAttributes({}, 'SymmetricKey', context())), {})
})

const many = (count: number) => Array.from({ length: count }, () => 'second')

test('a request names so many templates, and a storage that there is', async () => {
  assert.ok(await wanted(many(templatesMax)))
  await assert.rejects(wanted(many(templatesMax + 1)), faults('InvalidField', /templates at most/))
  const ProtectionStorageMasks = { ProtectionStorageMask: [0] }
  await assert.rejects(
    wantedAttributes({ ProtectionStorageMasks }, 'SymmetricKey', context()),
    faults('ProtectionStorageUnavailable'),
  )
})

test('the defaults of the instance stand in for what is left out', async () => {
  const rule = { objectTypes: ['SymmetricKey'], objectGroups: [], attributes: attributeSet({ Comment: 'd' }) }
  const made = async (asked: object, type: 'SymmetricKey' | 'SecretData' = 'SymmetricKey') =>
    valuesOf(await defaulted(attributeSet({ ...asked }), type, context([rule])))
  assert.deepEqual(await made({}), { Comment: ['d'] })
  assert.deepEqual(await made({ Comment: 'mine' }), { Comment: ['mine'] })
  assert.deepEqual(await made({}, 'SecretData'), {})
})
