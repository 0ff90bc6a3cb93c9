// The slots for calls of one service instance: two lanes, neither of which starves behind the other, and the order in
// each.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { CallSlots } from '../../../../src/outside/rootkey/https/call-slots.ts'

const read = { serves: true } as const
const noReserve = { callsMax: 1, reserved: { reads: 0, others: 0 } }

/** Calls that run until they are released, and the order in which they started. */
function begin(slots: CallSlots) {
  const started: string[] = []
  const all: Promise<void>[] = []
  const releases: (() => void)[] = []
  const start = (name: string, how: Parameters<CallSlots['run']>[1] = {}): void => {
    const { promise, resolve } = Promise.withResolvers<void>()
    releases.push(resolve)
    const work = () => {
      started.push(name)
      return promise
    }
    all.push(slots.run(work, how))
  }
  const release = async () => {
    for (const one of releases) one()
    await Promise.all(all)
  }
  return { started, start, release }
}

test('calls that finish earlier work run before calls that begin, and otherwise in order of arrival', async () => {
  const { started, start, release } = begin(new CallSlots(() => 0, noReserve))
  start('first')
  start('begins 1')
  start('begins 2')
  start('follows 1', { follows: true })
  start('follows 2', { follows: true })
  await release()
  assert.deepEqual(started, ['first', 'follows 1', 'follows 2', 'begins 1', 'begins 2'])
})

test('other calls that hang leave slots for reads, and reads for others', async () => {
  const slots = new CallSlots(() => 0, { callsMax: 4, reserved: { reads: 2, others: 1 } })
  const hanging = begin(slots)
  for (let index = 0; index < 9; index++) hanging.start(`other ${index}`)
  for (let index = 0; index < 9; index++) hanging.start(`read ${index}`, read)
  await nextTurn()
  assert.deepEqual(hanging.started, ['other 0', 'other 1', 'read 0', 'read 1'])
  await hanging.release()

  const reads = begin(slots)
  for (let index = 0; index < 9; index++) reads.start(`read ${index}`, read)
  for (let index = 0; index < 9; index++) reads.start(`other ${index}`)
  await nextTurn()
  assert.deepEqual(reads.started, ['read 0', 'read 1', 'read 2', 'other 0'])
  await reads.release()
})

test('work that throws gives its slot back', async () => {
  const slots = new CallSlots(() => 0, noReserve)
  await assert.rejects(
    slots.run(() => Promise.reject(new Error('told to'))),
    /told to/,
  )
  assert.equal(await slots.run(() => Promise.resolve(1)), 1)
})

test('the load says what runs and waits in each lane, and since when', async () => {
  let now = 1_000
  const slots = new CallSlots(() => now, { callsMax: 2, reserved: { reads: 1, others: 1 } })
  const { start, release } = begin(slots)
  start('create')
  now += 500
  start('create')
  start('get', read)
  now += 250
  await nextTurn()
  assert.deepEqual(slots.load, [
    { lane: 'reads', running: 1, waiting: 0, oldestMs: 250 },
    { lane: 'others', running: 1, waiting: 1, oldestMs: 750 },
  ])
  await release()
  assert.deepEqual(
    slots.load.map(({ running, waiting, oldestMs }) => [running, waiting, oldestMs]),
    [
      [0, 0, 0],
      [0, 0, 0],
    ],
  )
})
