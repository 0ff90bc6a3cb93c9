// Times of a field, in the zone of the reader, which is that of this process here.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localText, timeIn } from '../../../console/src/parts/local-time.ts'

test('a time is the same after it was shown in the field', () => {
  for (const at of ['2026-11-28T09:09:00.000Z', '2026-07-01T00:00:00.000Z'])
    assert.equal(timeIn(localText(at)), at)
})

test('what is no time, or a year of which digits are missing, is none', () => {
  assert.equal(localText('yesterday'), '')
  for (const text of ['', '0002-11-28T10:09', '0202-11-28T10:09', '999999-01-01T00:00'])
    assert.equal(timeIn(text), null, text)
})
