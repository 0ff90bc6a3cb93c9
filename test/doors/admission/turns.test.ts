// Turns at the handshakes and places among the connections, as pure rules: many from one address must not
// keep out one from another, and what handshakes cost is paid by those who make them cost.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { subnetOf, plainAddress } from '../../../src/base/address.ts'
import { Admission, type AdmissionOptions } from '../../../src/doors/admission/admission.ts'
import { ConnectionSlots } from '../../../src/doors/admission/connection-slots.ts'
import { Subnets, type Rank } from '../../../src/doors/admission/subnets.ts'
import { TimeShare } from '../../../src/doors/admission/time-share.ts'
import { listenerLimits } from '../../../src/doors/kmip/listener-limits.ts'

function newAdmission<T>(activeMax: number, activePerSubnetMax: number, ranks: Record<string, Rank> = {}) {
  const options: AdmissionOptions = {
    activeMax: { known: activeMax, new: activeMax, costly: activeMax },
    activePerSubnetMax: { known: activePerSubnetMax, new: activePerSubnetMax, costly: activePerSubnetMax },
    rankOf: (subnet) => ranks[subnet] ?? 'new',
  }
  return new Admission<T>(options)
}

test('a newcomer from another address waits for one turn, not for the thousand before it', () => {
  const admission = newAdmission<string>(10, 10)
  for (let number = 0; number < 1_000; number += 1) admission.enter('flood', `flood ${number}`)
  assert.equal(admission.next('new'), 'flood 0')
  admission.enter('vcenter', 'vcenter')
  const next = [admission.next('new'), admission.next('new')]
  assert.ok(next.includes('vcenter'), String(next))
  assert.equal(admission.next('new'), 'flood 2')
})

test('one address never has more than its share of handshakes, and all together never too many', () => {
  const admission = newAdmission<number>(5, 2)
  const next = () => admission.next('new')
  for (let number = 0; number < 10; number += 1) admission.enter('a', number)
  assert.deepEqual([next(), next(), next()], [0, 1, undefined])
  for (let number = 10; number < 20; number += 1) {
    admission.enter('b', number)
    admission.enter('c', number)
  }
  const begun = [next(), next(), next(), next()]
  assert.equal(begun.filter((item) => item !== undefined).length, 3)
  assert.equal(admission.active, 5)
  admission.release('a')
  assert.notEqual(next(), undefined)
})

test('whoever leaves while waiting gets no turn', () => {
  const admission = newAdmission<string>(9, 9)
  admission.enter('a', 'one')
  admission.enter('a', 'two')
  admission.resume('a', 'three')
  assert.equal(admission.leave('a', 'one'), true)
  assert.equal(admission.leave('a', 'three'), true)
  assert.equal(admission.leave('a', 'one'), false)
  assert.equal(admission.leave('b', 'one'), false)
  assert.equal(admission.next('new'), 'two')
  assert.equal(admission.next('new'), undefined)
  assert.equal(admission.waiting, 0)
})

test('a turn that was not begun cannot be given back', () => {
  assert.throws(() => newAdmission(9, 9).release('a'))
})

test('what was begun goes on, however many are active', () => {
  const admission = newAdmission<string>(1, 1)
  admission.enter('a', 'a1')
  admission.enter('b', 'b1')
  assert.equal(admission.next('new'), 'a1')
  assert.equal(admission.next('new'), undefined)
  admission.resume('a', 'a1')
  assert.equal(admission.next('new'), 'a1')
  admission.release('a')
  assert.equal(admission.next('new'), 'b1')
})

test('an address that turns out costly gives its places among the others back, and waits behind them', () => {
  const ranks: Record<string, Rank> = {}
  const admission = newAdmission<string>(2, 2, ranks)
  for (const item of ['flood 1', 'flood 2', 'flood 3']) admission.enter('flood', item)
  assert.deepEqual([admission.next('new'), admission.next('new')], ['flood 1', 'flood 2'])
  admission.enter('vcenter', 'vcenter')
  assert.equal(admission.next('new'), undefined)
  ranks['flood'] = 'costly'
  admission.rerank('flood')
  assert.equal(admission.next('new'), 'vcenter')
  assert.equal(admission.next('new'), undefined)
  assert.equal(admission.next('costly'), undefined)
  admission.release('flood')
  assert.equal(admission.next('costly'), 'flood 3')
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
      const admission = newAdmission<{ who: string; number: number }>(4, 2, ranks)
      const waiting = new Map<string, { who: string; number: number }[]>()
      const active: string[] = []
      const takeNext = (rank: Rank): boolean => {
        const before = active.filter((who) => rankOf(who) === rank).length
        const item = admission.next(rank)
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
        const queue = waiting.get(who) ?? []
        waiting.set(who, queue)
        if (kind === 'enter') {
          const item = { who, number }
          queue.push(item)
          admission.enter(who, item)
        } else if (kind === 'next') takeNext(rank)
        else if (kind === 'rank') {
          ranks[who] = rank
          admission.rerank(who)
        } else if (kind === 'leave') {
          const item = queue.pop()
          if (item !== undefined) assert.ok(admission.leave(who, item))
        } else {
          const one = active.shift()
          if (one !== undefined) admission.release(one)
        }
      }
      while (admission.waiting > 0 || active.length > 0) {
        if (takeNext('known') || takeNext('new') || takeNext('costly')) continue
        const one = active.shift()
        assert.notEqual(one, undefined, 'nobody may begin although nobody is active')
        if (one !== undefined) admission.release(one)
      }
    }),
  )
})

function newSubnets() {
  const clock = { ms: 0 }
  return { clock, subnets: new Subnets(listenerLimits, () => clock.ms) }
}

test('an address goes first from when a trusted client came from it, for a day', () => {
  const { clock, subnets } = newSubnets()
  assert.equal(subnets.rank('10.0.0.1'), 'new')
  subnets.authenticated('10.0.0.1')
  assert.equal(subnets.rank('10.0.0.1'), 'known')
  assert.equal(subnets.isMetered('10.0.0.1'), false)
  assert.equal(subnets.rank('10.0.0.2'), 'new')
  assert.equal(subnets.isMetered('10.0.0.2'), true)
  clock.ms += listenerLimits.subnetKnownForMs
  assert.equal(subnets.rank('10.0.0.1'), 'new')
})

test('an unknown address whose handshakes cost much goes last, until that is forgiven', () => {
  const { clock, subnets } = newSubnets()
  for (let number = 0; number < 1_000; number += 1) subnets.charge('10.0.0.9', 100)
  assert.equal(subnets.rank('10.0.0.9'), 'costly')
  clock.ms += (listenerLimits.subnetSpentMaxMs / listenerLimits.subnetForgivenMsPerSecond) * 1_000
  assert.equal(subnets.rank('10.0.0.9'), 'new')
})

test('a known address pays only for what no ordinary handshake costs; behind one, a flood of costly ones loses it its place', () => {
  const { clock, subnets } = newSubnets()
  subnets.authenticated('10.0.0.1')
  for (let number = 0; number < 100_000; number += 1) subnets.charge('10.0.0.1', 2)
  assert.equal(subnets.rank('10.0.0.1'), 'known')
  for (let number = 0; number < 10; number += 1) subnets.charge('10.0.0.1', 100)
  assert.notEqual(subnets.rank('10.0.0.1'), 'known')
  assert.equal(subnets.isMetered('10.0.0.1'), true)
  // A trusted client behind the same address does not make the flood go first again; time does.
  subnets.authenticated('10.0.0.1')
  assert.notEqual(subnets.rank('10.0.0.1'), 'known')
  clock.ms +=
    ((listenerLimits.subnetSpentMaxMs - listenerLimits.subnetKnownSpentMs) /
      listenerLimits.subnetForgivenMsPerSecond) *
      1_000 +
    1
  assert.equal(subnets.rank('10.0.0.1'), 'known')
})

test('a known address under suspicion is measured, and still goes first', () => {
  const { clock, subnets } = newSubnets()
  subnets.watch('10.0.0.1')
  subnets.authenticated('10.0.0.1')
  assert.equal(subnets.isMetered('10.0.0.1'), false)
  subnets.watch('10.0.0.1')
  subnets.authenticated('10.0.0.1')
  assert.equal(subnets.isMetered('10.0.0.1'), true)
  assert.equal(subnets.rank('10.0.0.1'), 'known')
  clock.ms += listenerLimits.subnetWatchedForMs
  assert.equal(subnets.isMetered('10.0.0.1'), false)
})

test('of subnets only so many are remembered, and strangers make no known one forgotten', () => {
  const subnets = new Subnets({ ...listenerLimits, subnetsRememberedMax: 3 }, () => 0)
  subnets.authenticated('vcenter')
  for (const stranger of ['a', 'b', 'c', 'd']) subnets.charge(stranger, 1_000)
  assert.equal(subnets.rank('vcenter'), 'known')
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((stranger) => subnets.rank(stranger)),
    ['new', 'costly', 'costly', 'costly'],
  )
  for (const other of ['host 1', 'host 2', 'host 3']) subnets.authenticated(other)
  assert.equal(subnets.rank('vcenter'), 'new')
})

test('a share of the time is so much of each second, what was saved included, and a debt is waited for', () => {
  const clock = { ms: 0 }
  const share = new TimeShare({ percent: 20, savedMaxMs: 1_000, debtMaxMs: 500 }, () => clock.ms)
  assert.equal(share.waitMs(), 0)
  share.spend(1_100)
  assert.equal(share.waitMs(), 500)
  clock.ms += 500
  assert.equal(share.waitMs(), 0)
  clock.ms += 3_600_000
  share.spend(1_001)
  assert.equal(share.waitMs(), 5)
  share.spend(60_000)
  assert.equal(share.waitMs(), 2_500)
})

function newConnectionSlots(max: number, perSubnetMax: number, known: readonly string[] = []) {
  const isKnown = (name: string) => known.includes(name)
  return new ConnectionSlots<{ subnet: string; spare: boolean; trusted: boolean; arriving?: boolean }>({
    max,
    perSubnetMax,
    knownKeep: 3,
    isKnown,
  })
}

test('when all places are taken, an address that holds fewer gets one from the address that holds most', () => {
  const slots = newConnectionSlots(5, 4)
  const held = Array.from({ length: 4 }, () => ({ subnet: 'flood', spare: true, trusted: true }))
  for (const holder of held) slots.add(holder)
  assert.deepEqual(slots.offer('flood'), { slot: 'none', reason: 'address' })
  assert.deepEqual(slots.offer('vcenter'), { slot: 'free' })
  slots.add({ subnet: 'vcenter', spare: true, trusted: true })
  const [first, second] = held
  assert.ok(first && second)
  // One whose request is being worked on keeps its place.
  first.spare = false
  assert.deepEqual(slots.offer('vcenter'), { slot: 'taken-from', holder: second })
  assert.deepEqual(slots.offer('host'), { slot: 'taken-from', holder: second })
  for (const holder of held) holder.spare = false
  assert.deepEqual(slots.offer('host'), { slot: 'none', reason: 'full' })
  assert.equal(slots.remove(first), true)
  assert.equal(slots.remove(first), false)
  assert.deepEqual(slots.offer('host'), { slot: 'free' })
})

test('connections that are not trusted give way first, also to a newcomer of their own address', () => {
  const slots = newConnectionSlots(5, 3)
  const [trusted, busy, stranger] = [
    { subnet: 'nat', spare: true, trusted: true },
    { subnet: 'nat', spare: false, trusted: false },
    { subnet: 'nat', spare: true, trusted: false },
  ]
  for (const holder of [trusted, busy, stranger]) slots.add(holder)
  assert.deepEqual(slots.offer('nat'), { slot: 'taken-from', holder: stranger })
  for (const address of ['a', 'b']) slots.add({ subnet: address, spare: true, trusted: false })
  assert.deepEqual(slots.offer('c'), { slot: 'taken-from', holder: stranger })
  stranger.spare = false
  assert.deepEqual(slots.offer('nat'), { slot: 'none', reason: 'address' })
  assert.deepEqual(slots.offer('c'), { slot: 'taken-from', holder: trusted })
})

test('of connections that are not trusted, handshakes under way give way last', () => {
  const slots = newConnectionSlots(9, 3)
  const host = { subnet: 'nat', spare: true, trusted: false, arriving: true }
  const [silent, stranger] = [
    { ...host, arriving: false },
    { ...host, arriving: false },
  ]
  for (const holder of [host, silent, stranger]) slots.add(holder)
  assert.equal(taken(slots.offer('nat')), silent)
  slots.remove(silent)
  slots.add({ ...host })
  assert.equal(taken(slots.offer('nat')), stranger)
  slots.remove(stranger)
  slots.add({ ...host })
  assert.equal(taken(slots.offer('nat')), host)

  function taken(offer: ReturnType<typeof slots.offer>): unknown {
    return offer.slot === 'taken-from' ? offer.holder : offer.slot
  }
})

test('an address whose requests are all being worked on does not keep the places of the others', () => {
  const slots = newConnectionSlots(5, 5, ['vcenter'])
  for (let number = 0; number < 3; number += 1) slots.add({ subnet: 'flood', spare: false, trusted: true })
  const holder = { subnet: 'silent', spare: true, trusted: true }
  for (const one of [holder, { ...holder }]) slots.add(one)
  for (const newcomer of ['vcenter', 'host'])
    assert.deepEqual(slots.offer(newcomer), { slot: 'taken-from', holder })
})

test('places are never taken back and forth between equals', () => {
  const slots = newConnectionSlots(4, 4)
  for (const address of ['a', 'a', 'b', 'b']) slots.add({ subnet: address, spare: true, trusted: true })
  assert.deepEqual(slots.offer('a'), { slot: 'none', reason: 'full' })
  assert.equal(slots.offer('c').slot, 'taken-from')
})

test('addresses of trusted clients keep their places, and get one of the others', () => {
  const slots = newConnectionSlots(6, 6, ['vcenter', 'host'])
  for (const address of ['vcenter', 'vcenter', 'vcenter', 'a', 'b', 'b'])
    slots.add({ subnet: address, spare: true, trusted: true })
  const fromFlood = { slot: 'taken-from', holder: { subnet: 'b', spare: true, trusted: true } }
  assert.deepEqual(slots.offer('host'), fromFlood)
  assert.deepEqual(slots.offer('vcenter'), fromFlood)
  assert.deepEqual(slots.offer('c'), fromFlood)
  // b and a have one each: nobody has more than a newcomer would, but vcenter, which keeps three.
  const even = newConnectionSlots(5, 5, ['vcenter'])
  for (const address of ['vcenter', 'vcenter', 'vcenter', 'a', 'b'])
    even.add({ subnet: address, spare: true, trusted: true })
  assert.deepEqual(even.offer('c'), { slot: 'none', reason: 'full' })
  // Someone who shares a known address has all places.
  const shared = newConnectionSlots(5, 5, ['vcenter'])
  for (let number = 0; number < 5; number += 1) shared.add({ subnet: 'vcenter', spare: true, trusted: true })
  assert.equal(shared.offer('c').slot, 'taken-from')
})

test('addresses have one spelling, and a whole IPv6 /64 is one subnet', () => {
  assert.equal(plainAddress('::ffff:10.1.2.3'), '10.1.2.3')
  assert.equal(plainAddress('::ffff:a01:203'), '10.1.2.3')
  assert.equal(subnetOf(plainAddress('::FFFF:10.1.2.3')), '10.1.2.3')
  assert.equal(plainAddress('10.1.2.3'), '10.1.2.3')
  assert.equal(plainAddress('fe80::1%eth0'), 'fe80::1')
  assert.equal(subnetOf('10.1.2.3'), '10.1.2.3')
  assert.equal(subnetOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  assert.equal(subnetOf('2001:db8:1:2::9'), subnetOf('2001:db8:1:2:ffff::1'))
  assert.notEqual(subnetOf('2001:db8:1:2::9'), subnetOf('2001:db8:1:3::9'))
  assert.equal(subnetOf('2001:db8::1'), '2001:db8:0:0::/64')
  assert.equal(subnetOf('::1'), '0:0:0:0::/64')
  assert.equal(subnetOf('fe80::1'), 'fe80:0:0:0::/64')
})
