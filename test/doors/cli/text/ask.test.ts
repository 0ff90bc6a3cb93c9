// What a person types on a terminal: seen or unseen, and when they go away.

import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { askHidden, askLine } from '../../../../src/doors/cli/text/ask.ts'

function terminal(isTTY = true) {
  const stdin = Object.assign(new PassThrough(), { isTTY })
  const said: string[] = []
  return { stdin, said, stderr: { write: (text: string) => said.push(text) } }
}

test('a name is read without the spaces around it, and then a password with them, unseen', async () => {
  const { stdin, said, stderr } = terminal()
  const user = askLine({ stdin, stderr }, 'User: ')
  stdin.write('  setup@vsphere.local \n')
  assert.equal(await user, 'setup@vsphere.local')
  const password = askHidden({ stdin, stderr }, 'Password: ')
  stdin.write(' Correct Horse \r')
  assert.equal(await password, ' Correct Horse ')
  assert.deepEqual(said, ['User: ', 'Password: ', '\n'])
})

test('Ctrl-C, Ctrl-D and no terminal are no answer', async () => {
  for (const key of ['\u0003', '\u0004']) {
    const { stdin, stderr } = terminal()
    const password = askHidden({ stdin, stderr }, 'Password: ')
    stdin.write(key)
    assert.equal(await password, undefined)
  }
  const ended = terminal()
  const waiting = askLine(ended, 'User: ')
  ended.stdin.end()
  assert.equal(await waiting, undefined)
  assert.equal(await askHidden(ended, 'Password: '), undefined)
  assert.equal(await askLine(terminal(false), 'User: '), undefined)
})
