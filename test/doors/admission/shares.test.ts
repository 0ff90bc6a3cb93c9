// The next one when several wait for the thread: groups by the time that they used, and the members of a group in turn.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pace } from '../../../src/core/keys/transaction/pace.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { FairQueue, type Party } from '../../../src/doors/admission/fair-queue.ts'
import { Shares } from '../../../src/doors/admission/shares.ts'

const party = (name: string): Party => ({ group: name[0] ?? '', member: name })

/** Names are a group's letter and a member's number. Everyone who waits is served; each turn costs as `costMs` says. */
function served(names: readonly string[], costMs: (name: string) => number): string {
  const queue = new FairQueue<string>()
  for (const name of names) queue.enter(party(name), name)
  const order: string[] = []
  for (let name = queue.next(); name !== undefined; name = queue.next()) {
    order.push(name)
    queue.charge(party(name), costMs(name))
  }
  assert.equal(queue.waiting, 0)
  return order.join(' ')
}

for (const [what, names, costMs, order] of [
  ['one member: in order of arrival', 'a1 a1 a1', 1, 'a1 a1 a1'],
  ['two groups take turns, however many wait in one', 'a1 a1 a1 a1 b1 b1', 1, 'a1 b1 a1 b1 a1 a1'],
  ['the members of a group have one share', 'a1 a2 a3 b1 b1', 1, 'a1 b1 a2 b1 a3'],
  ['members take turns, however many wait of one', 'a1 a1 a1 a2 a3', 1, 'a1 a2 a3 a1 a1'],
] as const)
  test(what, () => {
    assert.equal(
      served(names.split(' '), () => costMs),
      order,
    )
  })

test('shares are of time, not of turns', () => {
  const names = [...Array.from({ length: 3 }, () => 'a1'), ...Array.from({ length: 8 }, () => 'b1')]
  assert.equal(
    served(names, (name) => (name === 'a1' ? 4 : 1)),
    'a1 b1 b1 b1 b1 a1 b1 b1 b1 b1 a1',
  )
})

test('whoever comes later is next, and has saved up nothing', () => {
  const queue = new FairQueue<string>()
  const serve = (costMs: number) => {
    const name = queue.next() ?? ''
    queue.charge(party(name), costMs)
    return name
  }
  for (let count = 0; count < 50; count++) queue.enter(party('a1'), 'a1')
  for (let count = 0; count < 40; count++) serve(1)
  for (let count = 0; count < 5; count++) queue.enter(party('b1'), 'b1')
  assert.deepEqual(
    [0, 1, 2, 3, 4].map(() => serve(1)),
    ['b1', 'a1', 'b1', 'a1', 'b1'],
  )
})

test('whoever used more than its share waits for it after a pause too', () => {
  const queue = new FairQueue<string>()
  for (const name of ['a1', 'b1', 'b1', 'b1']) queue.enter(party(name), name)
  assert.equal(queue.next(), 'a1')
  queue.charge(party('a1'), 10)
  queue.enter(party('a1'), 'a1')
  const order = []
  for (let name = queue.next(); name !== undefined; name = queue.next()) {
    order.push(name)
    queue.charge(party(name), 1)
  }
  assert.deepEqual(order, ['b1', 'b1', 'b1', 'a1'])
})

// ---------------------------------------------------------------- turns

/** What is begun from here on is begun by another read of a socket. */
function nextRead(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve))
}

const alive = new AbortController().signal

/** Time that passes only where work says so. */
function sharesWithClock() {
  const clock = { nowMs: 0 }
  return { clock, shares: new Shares(() => clock.nowMs) }
}

test('whoever is alone goes on without waiting for anything but its own turn', async () => {
  const { shares, clock } = sharesWithClock()
  const pace = shares.paceOf(party('a1'), alive)
  for (let turn = 0; turn < 100; turn++) {
    await pace.turn()
    assert.equal(pace.spent, false)
    clock.nowMs += 1
    assert.equal(pace.spent, true)
  }
})

test('long work of many does not delay the short work of another by more than a few turns', async () => {
  const { shares, clock } = sharesWithClock()
  let longTurns = 0
  const over = new AbortController()
  const long = []
  for (let index = 0; index < 100; index++) {
    long.push(goOn(shares.paceOf(party(`a${index % 7}`), alive)))
    await nextRead()
  }
  async function goOn(pace: Pace): Promise<void> {
    while (!over.signal.aborted) {
      await pace.turn()
      longTurns += 1
      clock.nowMs += 1
    }
  }
  for (let request = 0; request < 20; request++) {
    const before = longTurns
    await shares.paceOf(party('b1'), alive).turn()
    assert.ok(longTurns - before <= 2, `${longTurns - before} turns of others in between`)
    await nextRead()
  }
  over.abort()
  await Promise.all(long)
})

test('whoever has left while it waited gets no turn', async () => {
  const { shares, clock } = sharesWithClock()
  const left = new AbortController()
  await shares.paceOf(party('a1'), alive).turn()
  clock.nowMs += 10
  const second = shares.paceOf(party('a1'), left.signal).turn()
  const third = shares.paceOf(party('a1'), alive).turn()
  left.abort()
  await assert.rejects(
    async () => second,
    (error) => error instanceof Fault && error.reason === 'OperationCanceledByRequester',
  )
  await third
  await assert.rejects(async () => shares.paceOf(party('a1'), left.signal).turn(), Fault)
})
