// The one queue for the thread: parties by the time that they used, the members of a party in turn, and handshakes beside
// requests.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pace } from '../../../src/core/keys/transaction/pace.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { Arrivals } from '../../../src/doors/admission/arrivals.ts'
import type { Rank } from '../../../src/doors/admission/subnets.ts'
import { AdmissionTurns, type RequestParty, type Work } from '../../../src/doors/admission/turns.ts'

const party = (name: string): RequestParty => ({ group: name[0] ?? '', member: name })

/** What is begun from here on is begun by another read of a socket. */
function nextRead(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve))
}

/** The next round of the event loop. */
function nextRound(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

const alive = new AbortController().signal

/** Time that passes only where work says so. */
function turnsWithClock() {
  const clock = { nowMs: 0 }
  const credit = { new: 0, costly: 0 }
  const arrivals = new Arrivals<Work>({
    activeMax: { known: 64, new: 64, costly: 64 },
    activePerSubnetMax: { known: 8, new: 8, costly: 8 },
    credit: { new: { waitMs: () => credit.new }, costly: { waitMs: () => credit.costly } },
    acceptsPerTurnMax: 20,
  })
  return { clock, credit, arrivals, turns: new AdmissionTurns({ arrivals, now: () => clock.nowMs }) }
}

// ---------------------------------------------------------------- order

/**
 * Names are a party's letter and a member's number. All of them wait at the same time; each turn costs as `costMs` says. Returns
 * the names in the order of their turns.
 */
async function served(names: readonly string[], costMs: (name: string) => number): Promise<string> {
  const { clock, turns } = turnsWithClock()
  const order: string[] = []
  const waits = async (name: string) => {
    await turns.wait(party(name), alive)
    order.push(name)
    clock.nowMs += costMs(name)
  }
  await Promise.all(names.map(waits))
  return order.join(' ')
}

for (const [what, names, costMs, order] of [
  ['one member: in order of arrival', 'a1 a1 a1', 1, 'a1 a1 a1'],
  ['two parties take turns, however many wait in one', 'a1 a1 a1 a1 b1 b1', 1, 'a1 b1 a1 b1 a1 a1'],
  ['the members of a party have one share', 'a1 a2 a3 b1 b1', 1, 'a1 b1 a2 b1 a3'],
  ['members take turns, however many wait of one', 'a1 a1 a1 a2 a3', 1, 'a1 a2 a3 a1 a1'],
] as const)
  test(what, async () => {
    assert.equal(await served(names.split(' '), () => costMs), order)
  })

test('shares are of time, not of turns', async () => {
  const names = [...Array.from({ length: 3 }, () => 'a1'), ...Array.from({ length: 8 }, () => 'b1')]
  assert.equal(await served(names, (name) => (name === 'a1' ? 4 : 1)), 'a1 b1 b1 b1 b1 a1 b1 b1 b1 b1 a1')
})

/** Parties that ask for a turn whenever `again` says so, each for one millisecond. */
function asking() {
  const { clock, turns } = turnsWithClock()
  const order: string[] = []
  const goes = async (name: string, again: () => boolean, costMs = 1) => {
    do {
      await turns.wait(party(name), alive)
      order.push(name)
      clock.nowMs += costMs
    } while (again())
  }
  return { order, goes }
}

test('a party that comes later is next, and has saved up nothing', async () => {
  const { order, goes } = asking()
  const many = Promise.all(Array.from({ length: 50 }, async () => goes('a1', () => false)))
  while (order.length < 40) await nextRound()
  const before = order.length
  await Promise.all([many, ...Array.from({ length: 5 }, async () => goes('b1', () => false))])
  assert.equal(order.slice(before, before + 5).join(' '), 'b1 a1 b1 a1 b1')
})

test('a party that used more than its share waits for it after a pause too', async () => {
  const { order, goes } = asking()
  const late = goes('a1', () => false, 10).then(async () => goes('a1', () => false))
  await Promise.all([late, ...Array.from({ length: 3 }, async () => goes('b1', () => false))])
  assert.equal(order.join(' '), 'a1 b1 b1 b1 a1')
})

// ---------------------------------------------------------------- turns

test('whoever is alone goes on without waiting for anything but its own turn', async () => {
  const { turns, clock } = turnsWithClock()
  const pace = turns.paceOf(party('a1'), alive)
  for (let turn = 0; turn < 100; turn++) {
    await pace.turn()
    assert.equal(pace.spent, false)
    clock.nowMs += 1
    assert.equal(pace.spent, true)
  }
})

test('long work of many does not delay the short work of another by more than a few turns', async () => {
  const { turns, clock } = turnsWithClock()
  let longTurns = 0
  const over = new AbortController()
  const long = []
  for (let index = 0; index < 100; index++) {
    long.push(goOn(turns.paceOf(party(`a${index % 7}`), alive)))
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
    await turns.paceOf(party('b1'), alive).turn()
    assert.ok(longTurns - before <= 2, `${longTurns - before} turns of others in between`)
    await nextRead()
  }
  over.abort()
  await Promise.all(long)
})

test('whoever has left while it waited gets no turn', async () => {
  const { turns, clock } = turnsWithClock()
  const left = new AbortController()
  await turns.paceOf(party('a1'), alive).turn()
  clock.nowMs += 10
  const second = turns.paceOf(party('a1'), left.signal).turn()
  const third = turns.paceOf(party('a1'), alive).turn()
  left.abort()
  await assert.rejects(
    async () => second,
    (error) => error instanceof Fault && error.reason === 'OperationCanceledByRequester',
  )
  await third
  await assert.rejects(async () => turns.paceOf(party('a1'), left.signal).turn(), Fault)
})

// ---------------------------------------------------------------- handshakes beside requests

/** A peer with a handshake of `pieces` pieces, each of which takes the thread for `ms`. Returns how many of them ran. */
function shakes(
  { clock, arrivals }: ReturnType<typeof turnsWithClock>,
  { subnet, rank, pieces, ms }: { subnet: string; rank: Rank; pieces: number; ms: number },
) {
  const progress = { done: 0 }
  const work: Work = {
    begin: () => {
      clock.nowMs += ms
      progress.done += 1
      if (progress.done < pieces) arrivals.resume(subnet, rank, work)
      else arrivals.release(subnet)
      return true
    },
  }
  arrivals.enter(subnet, rank, work)
  return progress
}

test('however many handshakes wait, a request begins at once where its party has used less', async () => {
  const parts = turnsWithClock()
  const { turns, clock } = parts
  for (let number = 0; number < 20; number++)
    shakes(parts, { subnet: `host ${number}`, rank: 'new', pieces: 4, ms: 2 })
  await nextRead()
  for (let request = 0; request < 10; request++) {
    await nextRead()
    assert.equal(turns.paceOf(party('a1'), alive).turn(), undefined)
    clock.nowMs += 0.05
  }
})

test('requests without end leave handshakes of known subnets an equal share', async () => {
  const parts = turnsWithClock()
  const { turns, clock } = parts
  const progress = shakes(parts, { subnet: 'vcenter', rank: 'known', pieces: 1_000, ms: 1 })
  let requests = 0
  const over = new AbortController()
  const pace = turns.paceOf(party('a1'), alive)
  const goOn = async () => {
    while (!over.signal.aborted) {
      await pace.turn()
      requests += 1
      clock.nowMs += 1
    }
  }
  const going = goOn()
  while (progress.done < 50) await nextRound()
  over.abort()
  await going
  assert.ok(requests >= 40 && requests <= 60, `${requests} requests beside 50 pieces`)
})

test('the time of strangers counts several times: known subnets get four fifths of that of handshakes', async () => {
  const parts = turnsWithClock()
  const known = shakes(parts, { subnet: 'vcenter', rank: 'known', pieces: 1_000, ms: 1 })
  const strange = shakes(parts, { subnet: 'host', rank: 'new', pieces: 1_000, ms: 1 })
  while (known.done + strange.done < 100) await nextRound()
  assert.ok(strange.done >= 18 && strange.done <= 22, `${strange.done} of 100`)
})

test('strangers whose share is used up keep no request waiting, and save up no time meanwhile', async () => {
  const parts = turnsWithClock()
  const { turns, clock, credit } = parts
  credit.costly = 1
  const strange = shakes(parts, { subnet: 'host', rank: 'costly', pieces: 1_000, ms: 1 })
  const order: string[] = []
  const goes = async (name: string, times: number) => {
    for (let turn = 0; turn < times; turn++) {
      await turns.wait(party(name), alive)
      order.push(name)
      clock.nowMs += 1
    }
  }
  await goes('a1', 40)
  assert.equal(strange.done, 0)
  credit.costly = 0
  await Promise.all([goes('a1', 20), goes('b1', 20)])
  assert.ok(strange.done > 0 && strange.done <= 12, `${strange.done} pieces beside 40 turns`)
  // A party that comes now is equal to one that was there all the time.
  assert.ok(order.slice(40, 60).filter((name) => name === 'a1').length >= 9)
})

test('after a time without work nothing that was used before counts', async () => {
  const parts = turnsWithClock()
  const { turns, clock } = parts
  const wait = async (name: string, ms: number) => {
    await turns.wait(party(name), alive)
    clock.nowMs += ms
  }
  await Promise.all([wait('a1', 100), wait('b1', 1)])
  await nextRead()
  const order: string[] = []
  const go = async (name: string) => {
    await turns.wait(party(name), alive)
    order.push(name)
    clock.nowMs += 1
  }
  await Promise.all([go('a1'), go('b1')])
  assert.equal(order.join(' '), 'a1 b1')
})
