// Text of strangers in the console: nothing in it is invisible, and nothing turns what stands beside it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTyped, visible, visibleText } from '../../../console/src/parts/visible.ts'

const code = (...codes: string[]) => codes.map((one) => ({ code: one }))

test('ordinary text, in whatever script, stays as it is', () => {
  for (const text of ['kmipClient20260301120000', 'CN=Größe, O=株式会社', 'e\u0301', 'שלום'])
    assert.deepEqual(visible(text), [text])
  assert.deepEqual(visible(''), [])
})

test('what is invisible or turns text around is shown by its code', () => {
  assert.deepEqual(visible('a\u202Eb'), ['a', ...code('U+202E'), 'b'])
  assert.deepEqual(visible('\u200B\u2066x\u2069'), [...code('U+200B', 'U+2066'), 'x', ...code('U+2069')])
  assert.deepEqual(visible('a\nb\0'), ['a', ...code('U+000A'), 'b', ...code('U+0000')])
  assert.deepEqual(visible('a\u00A0b'), ['a', ...code('U+00A0'), 'b'])
  assert.deepEqual(visible('\u{E0041}'), code('U+E0041'))
})

test('marks that pile up on a letter are shown by their codes', () => {
  assert.deepEqual(visible('a\u0301\u0302\u0303'), ['a', ...code('U+0301', 'U+0302', 'U+0303')])
})

test('what is shown can be typed', () => {
  assert.equal(visibleText('web\u202E-1\u00A0'), 'webU+202E-1U+00A0')
  assert.equal(visibleText('Größe'), 'Größe')
})

test('a name is typed as it is seen, however its letters are composed', () => {
  const name = 'Gehälter\n'.normalize('NFD')
  assert.ok(isTyped('GehälterU+000A'.normalize('NFC'), name))
  assert.ok(!isTyped('GehalterU+000A', name))
  assert.ok(!isTyped('gehälterU+000A', name))
})
