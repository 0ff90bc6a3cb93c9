// Schemas without required fields, for searches.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { name, cryptographicParameters } from '../../../src/wire/kmip/attribute-structures.ts'
import { partial } from '../../../src/wire/kmip/partial.ts'
import { decodeItem, encodeItem } from '../../../src/wire/kmip/payload.ts'
import { templateAttribute } from '../../../src/wire/kmip/objects.ts'
import { TtlvError } from '../../../src/wire/ttlv/error.ts'

const dialect = (version: '1.0' | '1.4') => ({ version, unknownFields: 'refuse' }) as const

test('a partial structure may lack any field, and has no other ones', () => {
  const some = partial(name)
  for (const value of [
    {},
    { NameValue: 'a' },
    { NameType: 'URI' },
    { NameValue: 'a', NameType: 'URI' },
  ] as const) {
    const bytes = encodeItem('Name', some, value, '1.4')
    assert.deepEqual(decodeItem('Name', some, bytes, dialect('1.4')), value)
    if (Object.keys(value).length < 2)
      assert.throws(() => decodeItem('Name', name, bytes, dialect('1.4')), TtlvError)
  }
  const other = encodeItem('Name', partial(cryptographicParameters), { IVLength: 3 }, '1.4')
  assert.throws(() => decodeItem('Name', some, other, dialect('1.4')), TtlvError)
})

test('structures inside a partial one are partial too, and what repeats still does', () => {
  const some = partial(templateAttribute)
  const value = { Name: [{ NameValue: 'a' }, {}], Attribute: [] }
  const bytes = encodeItem('TemplateAttribute', some, value as never, '1.4')
  assert.deepEqual(decodeItem('TemplateAttribute', some, bytes, dialect('1.4')), value)
})
