// How far something is: a bar that is drawn over on a terminal, lines elsewhere, and what is in the way in words.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Progress, withProgress } from '../../../../src/doors/cli/text/progress.ts'

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

test('work that ends says so with its total, however seldom it tells its progress; work that fails does not', async () => {
  const log = stream(false)
  const result = await withProgress(log, 'records restored', async (onProgress) => {
    for (let done = 12; done < 224; done += 12) onProgress(done, 224)
    return 'restored'
  })
  assert.equal(result, 'restored')
  assert.deepEqual(log.said, ['12 of 224 records restored\n', '224 of 224 records restored\n'])
  const failed = stream(false)
  const failing = withProgress(failed, 'records restored', async (onProgress) => {
    onProgress(12, 224)
    throw new Error('torn')
  })
  await assert.rejects(failing, /torn/)
  assert.deepEqual(failed.said, ['12 of 224 records restored\n'])
})

test('a step ends at its total when the next one begins', () => {
  const log = stream(false)
  const progress = new Progress(log, 'copied')
  progress.begin('copied')
  progress.tell({ done: 29, total: 31, trouble: null })
  progress.begin('compared')
  progress.tell({ done: 3, total: 31, trouble: null })
  progress.finish(0)
  progress.finish(0)
  assert.deepEqual(log.said, [
    '29 of 31 copied\n',
    '31 of 31 copied\n',
    '3 of 31 compared\n',
    '31 of 31 compared\n',
  ])
})

test('when it is done, the end of what was begun to be told stays to be read', () => {
  for (const [isTTY, first, last] of [
    [true, `\r[${'.'.repeat(30)}] 1 of 40 moved`, `[${'#'.repeat(30)}] 40 of 40 moved\n`],
    [false, '1 of 40 moved\n', '40 of 40 moved\n'],
  ] as const) {
    const output = stream(isTTY)
    const progress = new Progress(output, 'moved')
    progress.tell({ done: 1, total: 40, trouble: null })
    progress.finish(0)
    progress.end()
    assert.deepEqual([output.said[0], output.said.at(-1)], [first, last])
  }
  const output = stream(false)
  const quick = new Progress(output, 'moved')
  quick.finish(0)
  assert.deepEqual(output.said, [], 'nothing was told of it')
  quick.tell({ done: 3, total: 4, trouble: null })
  quick.finish(1)
  assert.deepEqual(output.said, ['3 of 4 moved\n'], 'one had to be left, and it is told once')
})
