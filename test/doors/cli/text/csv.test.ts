// Comma-separated values: quoted where they must be, and never a formula.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvLine } from '../../../../src/doors/cli/text/csv.ts'

test('cells are quoted as RFC 4180 says', () => {
  assert.equal(csvLine(['a', null, 'b c', 'd,e', 'say "x"']), 'a,,b c,"d,e","say ""x"""\r\n')
})

test('no cell is a formula, and none makes a second line', () => {
  assert.equal(csvLine(['=1+1', '+1', '-1', '@x', 'a=1']), "'=1+1,'+1,'-1,'@x,a=1\r\n")
  // Where a comma is in numbers, a semicolon ends a cell, and quotes in the midst of one are characters.
  assert.equal(csvLine(['a;=1+1;b', 'a;"=1+1', 'a; b']), `a;'=1+1;b,"a;'""=1+1",a; b\r\n`)
  assert.equal(csvLine(['a\nb']).split('\n').length, 2)
})
