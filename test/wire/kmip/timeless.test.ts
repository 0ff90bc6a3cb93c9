// Schemas without versions: what any version wrote, any version reads.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cryptographicParameters } from '../../../src/wire/kmip/attribute-structures.ts'
import { decodeItem, encodeItem } from '../../../src/wire/kmip/payload.ts'
import { dependent, enumeration, since, struct, until } from '../../../src/wire/kmip/schema.ts'
import { timeless } from '../../../src/wire/kmip/timeless.ts'
import { ordinal } from '../../../src/wire/kmip/version.ts'
import { integer, oneOf, oneOrMore, repeated, text, type Schema } from '../../../src/wire/ttlv/schema.ts'

test('fields and values of every version are written and read at any version', () => {
  const value = { BlockCipherMode: 'GCM', TagLength: 16, SaltLength: 8, MaskGenerator: 'MGF1' } as const
  const free = timeless(cryptographicParameters)
  for (const version of ['1.0', '1.4', '2.1'] as const) {
    const bytes = encodeItem('CryptographicParameters', free, value, version)
    const read = decodeItem('CryptographicParameters', free, bytes, {
      version: '1.0',
      unknownFields: 'refuse',
    })
    assert.deepEqual(read, value)
  }
  const old = encodeItem('CryptographicParameters', cryptographicParameters, value, '1.0')
  const read = decodeItem('CryptographicParameters', free, old, { version: '1.0', unknownFields: 'refuse' })
  assert.deepEqual(read, { BlockCipherMode: 'GCM' }, 'a version leaves out what it lacks')
})

test('a required field of some versions may be missing; how often any other one occurs stays as it is', () => {
  const { shape } = timeless(
    struct({
      UniqueIdentifier: text,
      Comment: since('2.0', text),
      Description: until('1.4', text),
      BatchCount: since('1.2', repeated(integer)),
      ServerPort: since('1.2', oneOrMore(integer)),
    }),
  )
  assert.ok(shape.kind === 'Structure')
  assert.deepEqual(
    shape.fields.map(({ name, schema: { presence, since, until } }) => [name, presence, since, until]),
    [
      ['UniqueIdentifier', 'required', 0, Infinity],
      ['Comment', 'optional', 0, Infinity],
      ['Description', 'optional', 0, Infinity],
      ['BatchCount', 'repeated', 0, Infinity],
      ['ServerPort', 'oneOrMore', 0, Infinity],
    ],
  )
})

test('values of every version are free inside choices, and where the fields before decide', () => {
  const state = enumeration('ResultReason')
  assert.equal(isFree(state), false)
  assert.equal(isFree(timeless(state)), true)
  const either = timeless(oneOf(text, state)).shape
  assert.ok(either.kind === 'OneOf' && either.choices[1])
  assert.equal(isFree(either.choices[1]), true)
  const decided = timeless(dependent(() => state)).shape
  assert.ok(decided.kind === 'Dependent')
  assert.equal(isFree(decided.choose({}, ordinal('1.0'))), true)
})

function isFree({ shape }: Schema): boolean {
  assert.ok(shape.kind === 'Enumeration' && shape.names)
  return [...shape.names.byName.values(), ...shape.names.byCode.values()].every(
    ({ since, until }) => since === 0 && until === Infinity,
  )
}
