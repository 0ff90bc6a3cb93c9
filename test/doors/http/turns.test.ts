// The turns of the admin API's requests.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdminTurns } from '../../../src/doors/http/turns.ts'

test('each round of the event loop has one turn, however many requests wait, in the order of arrival', async () => {
  let round = 0
  let isOver = false
  const count = () => {
    round++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const turns = new AdminTurns()
  const given: { readonly name: string; readonly round: number }[] = []
  const ask = async (name: string, times: number) => {
    const own = turns.ofRequest()
    for (let n = 0; n < times; n++) {
      await own.turn()
      given.push({ name, round })
    }
  }
  await Promise.all([ask('a', 3), ask('b', 1), ask('c', 2)])
  isOver = true
  assert.deepEqual(
    given.map(({ name }) => name),
    ['a', 'b', 'c', 'a', 'c', 'a'],
  )
  assert.equal(new Set(given.map((one) => one.round)).size, given.length)
})

test('a turn is used up after a while, and the first has not begun', async () => {
  const own = new AdminTurns().ofRequest()
  assert.ok(own.spent)
  await own.turn()
  while (!own.spent) await new Promise(setImmediate)
})
