// The attributes of the old server's object, as they are stored here.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adoptedObject } from '../../../src/features/adopt/received.ts'
import { schemaKeyOf } from '../../../src/wire/kmip/attributes.ts'
import { attributeNameBytesMax } from '../../../src/base/bounds.ts'

test('no attribute comes under a name that is too long for a request, by which nobody could change it', () => {
  const most = 'x-'.padEnd(attributeNameBytesMax, 'a')
  const names = [most, `${most}a`, 'y-'.padEnd(attributeNameBytesMax + 1, '漢'), `Its ${most}`]
  const { attributes } = adoptedObject({
    uniqueIdentifier: 'key-1',
    objectType: 'SymmetricKey',
    brought: { material: { bytes: Buffer.alloc(32), head: { keyFormatType: 'Raw' } } },
    attributes: [...names, `${most}a`].map((AttributeName, at) => ({
      AttributeName,
      AttributeValue: String(at),
    })),
    from: 'old.example:5696',
  })
  const custom = [...attributes].filter(([key]) => /^[xy]-/.test(key))
  for (const [key] of custom) assert.equal(schemaKeyOf(key, '1.4'), key)
  assert.ok(
    custom.some(([key]) => key === most),
    'one that fits is as it was',
  )
  const values = custom.flatMap(([, instances]) => instances.map(({ value }) => value))
  assert.deepEqual(new Set(values), new Set(['0', '1', '2', '3', '4']), 'no value is lost')
})
