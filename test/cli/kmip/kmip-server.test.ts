// How commands are told to recognize a key server: a fingerprint that is none is a mistake in the command.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { command } from '../../support/command.ts'

const sha1 = 'ab'.repeat(20)

test('a fingerprint that is none is a mistake in the command, whichever flag has it', async () => {
  for (const wrong of ['zz', sha1])
    for (const words of [
      ['doctor', '127.0.0.1:1', '--fingerprint', wrong],
      ['audit', 'list', '--admin', 'https://127.0.0.1:1', '--admin-fingerprint', wrong],
    ]) {
      const { code, stderr } = await command(words)
      assert.equal(code, 2, stderr)
      assert.match(stderr, /fingerprint.*64 hex/)
    }
})
