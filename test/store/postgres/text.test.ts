// Texts of KMIP that PostgreSQL does not hold.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromText, toText } from '../../../src/store/postgres/text.ts'

const texts = [
  '',
  'plain',
  '\0',
  '\u0001',
  '\u0001a',
  '\u0001b',
  '\0a',
  '\0\u0001\0',
  'é\0\u{1f511}',
  '\u0002',
]

test('every text comes back as it was, without U+0000 on the way, and no two become the same', () => {
  for (const text of texts) {
    assert.equal(fromText(toText(text)), text)
    assert.ok(!toText(text).includes('\0'))
  }
  assert.equal(new Set(texts.map(toText)).size, texts.length)
})

test('texts keep their order, in bytes, so that pages of both stores end at the same places', () => {
  assert.deepEqual(order(texts.map(toText)), order(texts).map(toText))
})

function order(list: readonly string[]): readonly string[] {
  return list.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}
