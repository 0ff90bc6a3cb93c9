// A client's text in the audit log: one bounded line, which cannot look like something else there.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditTextCharactersMax } from '../../../src/base/bounds.ts'
import { auditText } from '../../../src/core/operations/audit-text.ts'

test('what is not printed becomes a space, and every other character stays', () => {
  for (const [text, expected] of [
    ['plain ä 漢 🔑', 'plain ä 漢 🔑'],
    ['two\nlines\r\n', 'two lines  '],
    ['\u0000\u001B[31m\u007F', '  [31m '],
    ['a\u2028b\u2029c', 'a b c'],
    ['right\u202Eto left\u200B', 'right to left '],
    ['half \uD83D', 'half  '],
  ] as const)
    assert.equal(auditText(text), expected)
})

test('a longer text is cut, and never through a character', () => {
  const most = auditTextCharactersMax
  assert.equal(auditText('x'.repeat(most)), 'x'.repeat(most))
  assert.equal(auditText('x'.repeat(most + 1)), `${'x'.repeat(most - 1)}…`)
  const cut = auditText(`${'x'.repeat(most - 2)}🔑🔑`)
  assert.equal(cut, `${'x'.repeat(most - 2)}…`)
  assert.equal(auditText(`${'x'.repeat(most - 3)}🔑🔑`), `${'x'.repeat(most - 3)}🔑…`)
})
