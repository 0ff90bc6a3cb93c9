// A word of a command that people are shown reaches the command as it is, whatever its giver put into it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { shellWord } from '../../../src/base/text/shell-word.ts'

const names = ['production', 'two words', "it's", '$(id)', '`id`', 'a; id', '"', '\\', 'Zürich', '*', '']

test('a shell takes it for one word, and carries out nothing of it', () => {
  const script = `printf '%s\\n' ${names.map(shellWord).join(' ')}`
  assert.deepEqual(execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\n').slice(0, -1), names)
})

test('what needs no quotes has none', () => {
  for (const word of ['production', 'a-1.example.com:5696', '/var/lib/mortise'])
    assert.equal(shellWord(word), word)
})
