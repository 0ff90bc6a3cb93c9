import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { confirmTyped } from '../../../../src/doors/cli/text/confirm.ts'

test('nothing reads the terminal once the person has answered, so that the command can end', async () => {
  const stdin = Object.assign(new PassThrough(), { isTTY: true })
  const world = { stdin, stderr: { write: () => undefined } }
  for (const [typed, agreed] of [
    ['no', false],
    ['yes', true],
  ] as const) {
    stdin.write(`${typed}\n`)
    assert.equal(await confirmTyped(world, 'Type yes: ', ['yes']), agreed)
    assert.equal(stdin.readableFlowing, false, typed)
  }
})
