// Many items at once, within a bound, until the first failure.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachOf } from '../../../../src/core/custody/keyprotect/each-of.ts'

test('each item is worked on once, and never more of them at once than are allowed', async () => {
  const begun: number[] = []
  let running = 0
  let most = 0
  await eachOf([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    begun.push(item)
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    running--
  })
  assert.deepEqual(begun, [1, 2, 3, 4, 5, 6, 7])
  assert.equal(most, 3)
})

test('after a failure no other item begins, and those in progress end before it is thrown', async () => {
  const ended: number[] = []
  const slow = Promise.withResolvers<void>()
  const all = eachOf([1, 2, 3], 2, async (item) => {
    if (item === 2) {
      setImmediate(() => slow.resolve())
      throw new Error('broken')
    }
    await slow.promise
    ended.push(item)
  })
  await assert.rejects(all, /broken/)
  assert.deepEqual(ended, [1])
})
