// The order of handshakes, as pure rules: many from one address must not keep out one from another.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Arrivals } from '../../../src/doors/admission/arrivals.ts'
import type { Rank } from '../../../src/doors/admission/subnets.ts'

/** `ranks`: of subnets that are not `new`. Each `next` is a round of its own. */
function newArrivals<T>(activeMax: number, activePerSubnetMax: number, ranks: Record<string, Rank> = {}) {
  const credit = { new: 0, costly: 0 }
  const arrivals = new Arrivals<T>({
    activeMax: { known: activeMax, new: activeMax, costly: activeMax },
    activePerSubnetMax: { known: activePerSubnetMax, new: activePerSubnetMax, costly: activePerSubnetMax },
    credit: { new: { waitMs: () => credit.new }, costly: { waitMs: () => credit.costly } },
    acceptsPerTurnMax: 3,
  })
  const rankOf = (subnet: string) => ranks[subnet] ?? 'new'
  return {
    arrivals,
    credit,
    enter: (subnet: string, item: T) => arrivals.enter(subnet, rankOf(subnet), item),
    resume: (subnet: string, item: T) => arrivals.resume(subnet, rankOf(subnet), item),
    rerank: (subnet: string) => arrivals.rerank(subnet, rankOf(subnet)),
    leave: (subnet: string, item: T) => arrivals.leave(subnet, item),
    release: (subnet: string) => arrivals.release(subnet),
    next: (rank: Rank) => {
      arrivals.beginRound()
      return arrivals.next(rank)
    },
  }
}

test('a newcomer from another address waits for one turn, not for the thousand before it', () => {
  const queue = newArrivals<string>(10, 10)
  for (let number = 0; number < 1_000; number += 1) queue.enter('flood', `flood ${number}`)
  assert.equal(queue.next('new'), 'flood 0')
  queue.enter('vcenter', 'vcenter')
  const next = [queue.next('new'), queue.next('new')]
  assert.ok(next.includes('vcenter'), String(next))
  assert.equal(queue.next('new'), 'flood 2')
})

test('one address never has more than its share of handshakes, and all together never too many', () => {
  const queue = newArrivals<number>(5, 2)
  const next = () => queue.next('new')
  for (let number = 0; number < 10; number += 1) queue.enter('a', number)
  assert.deepEqual([next(), next(), next()], [0, 1, undefined])
  for (let number = 10; number < 20; number += 1) {
    queue.enter('b', number)
    queue.enter('c', number)
  }
  const begun = [next(), next(), next(), next()]
  assert.equal(begun.filter((item) => item !== undefined).length, 3)
  assert.equal(queue.arrivals.active, 5)
  queue.release('a')
  assert.notEqual(next(), undefined)
})

test('whoever leaves while waiting gets no turn', () => {
  const queue = newArrivals<string>(9, 9)
  queue.enter('a', 'one')
  queue.enter('a', 'two')
  queue.resume('a', 'three')
  assert.equal(queue.leave('a', 'one'), true)
  assert.equal(queue.leave('a', 'three'), true)
  assert.equal(queue.leave('a', 'one'), false)
  assert.equal(queue.leave('b', 'one'), false)
  assert.equal(queue.next('new'), 'two')
  assert.equal(queue.next('new'), undefined)
  assert.equal(queue.arrivals.waiting, 0)
})

test('a turn that was not begun cannot be given back', () => {
  assert.throws(() => newArrivals(9, 9).release('a'))
})

test('what was begun goes on, however many are active', () => {
  const queue = newArrivals<string>(1, 1)
  queue.enter('a', 'a1')
  queue.enter('b', 'b1')
  assert.equal(queue.next('new'), 'a1')
  assert.equal(queue.next('new'), undefined)
  queue.resume('a', 'a1')
  assert.equal(queue.next('new'), 'a1')
  queue.release('a')
  assert.equal(queue.next('new'), 'b1')
})

test('an address that turns out costly gives its places among the others back, and waits behind them', () => {
  const ranks: Record<string, Rank> = {}
  const queue = newArrivals<string>(2, 2, ranks)
  for (const item of ['flood 1', 'flood 2', 'flood 3']) queue.enter('flood', item)
  assert.deepEqual([queue.next('new'), queue.next('new')], ['flood 1', 'flood 2'])
  queue.enter('vcenter', 'vcenter')
  assert.equal(queue.next('new'), undefined)
  ranks['flood'] = 'costly'
  queue.rerank('flood')
  assert.equal(queue.next('new'), 'vcenter')
  assert.equal(queue.next('new'), undefined)
  assert.equal(queue.next('costly'), undefined)
  queue.release('flood')
  assert.equal(queue.next('costly'), 'flood 3')
})

test('whatever the order of events: in order within an address, bounds kept, everybody begins in the end', () => {
  const event = fc.record({
    kind: fc.constantFrom('enter', 'next', 'release', 'leave', 'rank'),
    who: fc.integer({ min: 0, max: 4 }),
    rank: fc.constantFrom<Rank>('known', 'new', 'costly'),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const ranks: Record<string, Rank> = {}
      const rankOf = (who: string): Rank => ranks[who] ?? 'new'
      const queue = newArrivals<{ who: string; number: number }>(4, 2, ranks)
      const waiting = new Map<string, { who: string; number: number }[]>()
      const active: string[] = []
      const takeNext = (rank: Rank): boolean => {
        const before = active.filter((who) => rankOf(who) === rank).length
        const item = queue.next(rank)
        if (item === undefined) return false
        assert.equal(rankOf(item.who), rank)
        assert.equal(waiting.get(item.who)?.shift(), item)
        active.push(item.who)
        assert.ok(before < 4)
        assert.ok(active.filter((one) => one === item.who).length <= 2)
        return true
      }
      for (const [number, { kind, who: index, rank }] of events.entries()) {
        const who = `address ${index}`
        const own = waiting.get(who) ?? []
        waiting.set(who, own)
        if (kind === 'enter') {
          const item = { who, number }
          own.push(item)
          queue.enter(who, item)
        } else if (kind === 'next') takeNext(rank)
        else if (kind === 'rank') {
          ranks[who] = rank
          queue.rerank(who)
        } else if (kind === 'leave') {
          const item = own.pop()
          if (item !== undefined) assert.ok(queue.leave(who, item))
        } else {
          const one = active.shift()
          if (one !== undefined) queue.release(one)
        }
      }
      while (queue.arrivals.waiting > 0 || active.length > 0) {
        if (takeNext('known') || takeNext('new') || takeNext('costly')) continue
        const one = active.shift()
        assert.notEqual(one, undefined, 'nobody may begin although nobody is active')
        if (one !== undefined) queue.release(one)
      }
    }),
  )
})

test('a round of the event loop has one turn for a handshake', () => {
  const { arrivals, enter } = newArrivals<string>(9, 9)
  for (const item of ['one', 'two']) enter('a', item)
  arrivals.beginRound()
  assert.equal(arrivals.next('new'), 'one')
  assert.equal(arrivals.isReady('new'), false)
  assert.equal(arrivals.next('new'), undefined)
  assert.equal(arrivals.waitMs, 0)
  arrivals.beginRound()
  assert.equal(arrivals.next('new'), 'two')
})

test('handshakes give way to accepting, but not without end', () => {
  const { arrivals, enter } = newArrivals<string>(9, 9)
  enter('a', 'one')
  for (let round = 0; round < 3; round += 1) {
    arrivals.accepted()
    arrivals.beginRound()
    assert.equal(arrivals.isReady('new'), false)
  }
  arrivals.accepted()
  arrivals.beginRound()
  assert.equal(arrivals.next('new'), 'one')
})

test('strangers whose share is used up wait for it; others do not', () => {
  const { arrivals, credit, enter, next } = newArrivals<string>(9, 9, { vcenter: 'known', flood: 'costly' })
  enter('flood', 'flood')
  credit.costly = 70
  assert.equal(next('costly'), undefined)
  assert.equal(arrivals.waitMs, 70)
  enter('host', 'host')
  credit.new = 30
  assert.equal(arrivals.waitMs, 30)
  enter('vcenter', 'vcenter')
  assert.equal(arrivals.waitMs, 0)
  assert.equal(next('known'), 'vcenter')
  credit.new = 0
  assert.equal(next('new'), 'host')
  assert.equal(arrivals.waitMs, 70)
})
