// Completion in bash, as a person at a keyboard gets it; zsh and fish are tried in test/real/package/. Every command and flag that
// the help shows is offered.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { command } from '../../support/server/command.ts'

const script = (await command(['completion', 'bash'])).stdout

/** What bash offers for the last word. */
function offered(...words: readonly string[]): readonly string[] {
  const ask = `${script}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _mortise; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', ask, 'bash', ...words], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  assert.equal(stderr, '')
  return stdout.split('\n').filter((line) => line !== '')
}

test('commands, the verbs of one, its flags, and what they take', async () => {
  for (const word of ['serve', 'key', 'completion']) assert.ok(offered('mortise', '').includes(word), word)
  assert.deepEqual(offered('mortise', 'key', 'li'), ['list'])
  assert.deepEqual(offered('mortise', 'key', 'list', '--js'), ['--json'])
  assert.deepEqual(offered('mortise', 'key', 'list', '--limit', '5', '--js'), ['--json'])
  assert.deepEqual(offered('mortise', 'completion', ''), ['--json', '--help', 'bash', 'zsh', 'fish'])
  assert.deepEqual(offered('mortise', 'root-key', 'list', '--json', '--root'), ['--root-key'])
})

test('after a flag that takes a value, no command and no other flag', () => {
  assert.deepEqual(offered('mortise', 'backup', 'verify', '--identity', ''), [], 'bash offers files')
  assert.deepEqual(offered('mortise', 'key', 'list', '--limit', ''), [])
})

test('after -- come the words of another program', () => {
  assert.deepEqual(offered('mortise', 'dev', '--for', ''), ['ceph', 'mongodb', 'mysql', 'pykmip', 'libkmip'])
  assert.deepEqual(offered('mortise', 'dev', '--', 'make', '--'), [])
})

test('every command that the help shows is offered, and nothing else', async () => {
  const { stdout } = await command(['--help'])
  const shown = [...stdout.slice(stdout.indexOf('Commands:')).matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(
    ([, name]) => name,
  )
  assert.ok(shown.length > 15)
  const words = offered('mortise', '').filter((word) => !word.startsWith('--'))
  assert.deepEqual(
    words,
    shown.filter((name) => name !== 'help'),
  )
})

test('a shell that there is none for is refused', async () => {
  const { code, stderr } = await command(['completion', 'csh'])
  assert.equal(code, 2)
  assert.match(stderr, /bash, zsh, fish/)
})
