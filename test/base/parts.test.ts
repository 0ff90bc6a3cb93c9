// Long work in parts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inTurns, whole, type Parts } from '../../src/base/parts.ts'

function* threeParts(done: number[]): Parts<string> {
  for (const part of [1, 2, 3]) {
    done.push(part)
    yield
  }
  return 'result'
}

test('all parts at once, or a turn for each where every turn is used up by one', async () => {
  assert.equal(whole(threeParts([])), 'result')
  const done: number[] = []
  const before: number[] = []
  const turns = { spent: true, turn: async () => void before.push(done.length) }
  assert.equal(await inTurns(threeParts(done), turns), 'result')
  assert.deepEqual(before, [1, 2, 3])
  const none = { spent: false, turn: () => assert.fail('the turn is not used up') }
  assert.equal(await inTurns(threeParts([]), none), 'result')
})

test('work stops where its turn does not come', async () => {
  const done: number[] = []
  const turns = { spent: true, turn: () => Promise.reject(new Error('left')) }
  await assert.rejects(inTurns(threeParts(done), turns), /left/)
  assert.deepEqual(done, [1])
})
