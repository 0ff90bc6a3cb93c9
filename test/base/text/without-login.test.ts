// What errors quote of a URL or an address that somebody typed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutLogin } from '../../../src/base/text/without-login.ts'

test('what stands before the host is not quoted', () => {
  for (const [text, quoted] of [
    ['https://kms.example:5697', 'https://kms.example:5697'],
    ['tls://me:secret@siem.example', 'tls://...@siem.example'],
    ['me:secret@kms.example:5696', '...@kms.example:5696'],
    ['https://me:se@cret@kms.example/?a@b', 'https://...@b'],
    ['HTTPS://me:two\nlines@kms.example', 'HTTPS://...@kms.example'],
    ['kms.example', 'kms.example'],
    ['', ''],
  ] as const)
    assert.equal(withoutLogin(text), quoted, text)
})
