// Texts of KMIP that PostgreSQL does not hold, and bytes in both forms that it has for them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromBytes, fromText, toText } from '../../../../src/outside/store/postgres/session.ts'

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

test('bytes are read in the form hex and in the form escape (bytea_output)', () => {
  const bytes = String.raw`a\\x41\000\377'`
  assert.deepEqual(fromBytes(bytes), Buffer.from("a\\x41\0\xff'", 'latin1'))
  assert.deepEqual(fromBytes(String.raw`\x00ff5c`), Buffer.from([0, 255, 92]))
  assert.deepEqual(fromBytes(''), Buffer.alloc(0))
})

function order(list: readonly string[]): readonly string[] {
  return list.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}
