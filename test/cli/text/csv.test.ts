// Comma-separated values: quoted where they must be, and never a formula.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvLine } from '../../../src/cli/text/csv.ts'

test('cells are quoted as RFC 4180 says', () => {
  assert.equal(csvLine(['a', null, 'b c', 'd,e', 'say "x"']), 'a,,b c,"d,e","say ""x"""\r\n')
})

test('no cell is a formula, and none makes a second line', () => {
  assert.equal(csvLine(['=1+1', '+1', '-1', '@x', 'a=1']), "'=1+1,'+1,'-1,'@x,a=1\r\n")
  assert.equal(csvLine(['a\nb']).split('\n').length, 2)
})
