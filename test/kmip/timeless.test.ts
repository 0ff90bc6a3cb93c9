// Schemas without versions: what any version wrote, any version reads.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cryptographicParameters } from '../../src/kmip/attribute-structures.ts'
import { decodeItem, encodeItem } from '../../src/kmip/payload.ts'
import { timeless } from '../../src/kmip/timeless.ts'

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
