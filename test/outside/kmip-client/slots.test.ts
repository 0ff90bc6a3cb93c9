import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Slots } from '../../../src/outside/kmip-client/slots.ts'

test('no more work runs at once than there are slots, and the others follow in order of arrival', async () => {
  const slots = new Slots(2)
  const begun: number[] = []
  const taken = [1, 2, 3, 4].map(async (number) => {
    const giveBack = await slots.take()
    begun.push(number)
    return giveBack
  })
  const [first, second] = await Promise.all(taken.slice(0, 2))
  assert.deepEqual(begun, [1, 2])
  second?.()
  const third = await taken[2]
  assert.deepEqual(begun, [1, 2, 3])
  first?.()
  const fourth = await taken[3]
  assert.deepEqual(begun, [1, 2, 3, 4])
  third?.()
  fourth?.()
  const again = await Promise.all([slots.take(), slots.take()])
  assert.equal(again.length, 2, 'all slots are free again')
})
