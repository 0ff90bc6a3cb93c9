// Names and identifiers that people paste into one field.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linesIn, namesIn } from '../../../console/src/parts/names-in.ts'

test('names are parted by what people put between them, each once', () => {
  assert.deepEqual(namesIn(' kms.example.com, 10.0.0.1;\nkms.example.com ::1 '), [
    'kms.example.com',
    '10.0.0.1',
    '::1',
  ])
  assert.deepEqual(namesIn(' , '), [])
})

test('lines are names with spaces and commas in them, each once', () => {
  assert.deepEqual(linesIn(' web server, old \n\nweb-*\nweb-*\n'), ['web server, old', 'web-*'])
  assert.deepEqual(linesIn(' \n '), [])
})
