// How commands are told of a key server, and how to recognize it: what is wrong is a mistake in the command.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { command } from '../../support/server/command.ts'

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

test('a password in an address is not repeated, and the host is the one behind it', async () => {
  const pair = ['--cert', 'c.pem', '--key', 'c.key', '--insecure']
  for (const words of [
    ['simulate', 'vsphere', '--server', 'kmip://u:secret@kms/', ...pair],
    ['doctor', 'u:secret@kms'],
    ['audit', 'list', '--admin', 'https://u:secret@kms/x', '--token-file', 't'],
    ['audit', 'list', '--admin', 'https://u:secret@kms', '--token-file', 't'],
  ]) {
    const { code, stderr } = await command(words)
    assert.equal(code, 2, stderr)
    assert.match(stderr, /not (\w+:\/\/)?\.\.\.@kms/)
    assert.doesNotMatch(stderr, /secret|u:5696/)
  }
})
