// How far something is: a bar that is drawn over on a terminal, lines elsewhere, and what is in the way in words.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Progress } from '../src/cli/progress.ts'

function stream(isTTY: boolean) {
  const said: string[] = []
  return { said, isTTY, write: (text: string) => void said.push(text) }
}

const blank = (text: string) => `\r${' '.repeat(text.length)}\r`

test('on a terminal the bar is drawn over, and words stand above it', () => {
  const terminal = stream(true)
  const progress = new Progress(terminal, 'moved')
  progress.tell({ done: null, total: null, trouble: null })
  progress.tell({ done: 5, total: 10, trouble: null })
  progress.tell({ done: 5, total: 10, trouble: 'the root key\u001b[31m is away' })
  progress.tell({ done: 10, total: 10, trouble: null })
  progress.end()
  const half = `[${'#'.repeat(15)}${'.'.repeat(15)}] 5 of 10 moved`
  const full = `[${'#'.repeat(30)}] 10 of 10 moved`
  assert.deepEqual(terminal.said, [
    `\r${half}`,
    blank(half),
    'Waiting: the root key\ufffd[31m is away\n',
    `\r${half}`,
    `\r${full}`,
    blank(full),
  ])
})

test('elsewhere there are lines, and not many', () => {
  const log = stream(false)
  const progress = new Progress(log, 'rewrapped')
  for (let done = 0; done <= 100; done++)
    progress.tell({ done, total: 100, trouble: done === 50 ? 'away' : null })
  progress.end()
  assert.deepEqual(log.said, ['0 of 100 rewrapped\n', 'Waiting: away\n'])
})
