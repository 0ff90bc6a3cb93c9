// Who gets a turn at the handshakes and who a place at the door, as pure rules: many from one address must not
// keep out one from another.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { neighbourhood, plainAddress } from '../../src/kmip-server/address.ts'
import { Admission } from '../../src/kmip-server/admission.ts'
import { Guests } from '../../src/kmip-server/guests.ts'

test('a newcomer from another address waits for one turn, not for the thousand before it', () => {
  const admission = new Admission<string>({ activeMax: 10, activePerNeighbourMax: 10 })
  for (let number = 0; number < 1_000; number += 1) admission.enter('flood', `flood ${number}`)
  assert.equal(admission.next(), 'flood 0')
  admission.enter('vcenter', 'vcenter')
  const next = [admission.next(), admission.next()]
  assert.ok(next.includes('vcenter'), String(next))
  assert.equal(admission.next(), 'flood 2')
})

test('one address never has more than its share of handshakes, and all together never too many', () => {
  const admission = new Admission<number>({ activeMax: 5, activePerNeighbourMax: 2 })
  for (let number = 0; number < 10; number += 1) admission.enter('a', number)
  assert.deepEqual([admission.next(), admission.next(), admission.next()], [0, 1, undefined])
  for (let number = 10; number < 20; number += 1) {
    admission.enter('b', number)
    admission.enter('c', number)
  }
  const begun = [admission.next(), admission.next(), admission.next(), admission.next()]
  assert.equal(begun.filter((item) => item !== undefined).length, 3)
  assert.equal(admission.active, 5)
  admission.release('a')
  assert.notEqual(admission.next(), undefined)
})

test('whoever leaves while waiting gets no turn', () => {
  const admission = new Admission<string>({ activeMax: 9, activePerNeighbourMax: 9 })
  admission.enter('a', 'one')
  admission.enter('a', 'two')
  assert.equal(admission.leave('a', 'one'), true)
  assert.equal(admission.leave('a', 'one'), false)
  assert.equal(admission.leave('b', 'one'), false)
  assert.equal(admission.next(), 'two')
  assert.equal(admission.next(), undefined)
  assert.equal(admission.waiting, 0)
})

test('a turn that was not begun cannot be given back', () => {
  const admission = new Admission<string>({ activeMax: 9, activePerNeighbourMax: 9 })
  assert.throws(() => admission.release('a'))
})

test('whatever the order of events: in order within an address, bounds kept, everybody begins in the end', () => {
  const event = fc.record({
    kind: fc.constantFrom('enter', 'next', 'release', 'leave'),
    who: fc.integer({ min: 0, max: 4 }),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const admission = new Admission<{ who: string; number: number }>({
        activeMax: 4,
        activePerNeighbourMax: 2,
      })
      const waiting = new Map<string, { who: string; number: number }[]>()
      const active: string[] = []
      const takeNext = (): boolean => {
        const item = admission.next()
        if (item === undefined) return false
        assert.equal(waiting.get(item.who)?.shift(), item)
        active.push(item.who)
        assert.ok(active.length <= 4)
        assert.ok(active.filter((one) => one === item.who).length <= 2)
        return true
      }
      for (const [number, { kind, who: index }] of events.entries()) {
        const who = `address ${index}`
        const queue = waiting.get(who) ?? []
        waiting.set(who, queue)
        if (kind === 'enter') {
          const item = { who, number }
          queue.push(item)
          admission.enter(who, item)
        } else if (kind === 'next') takeNext()
        else if (kind === 'leave') {
          const item = queue.pop()
          if (item !== undefined) assert.ok(admission.leave(who, item))
        } else {
          const one = active.shift()
          if (one !== undefined) admission.release(one)
        }
      }
      while (admission.waiting > 0 || active.length > 0) {
        if (takeNext()) continue
        const one = active.shift()
        assert.notEqual(one, undefined, 'nobody may begin although nobody is active')
        if (one !== undefined) admission.release(one)
      }
    }),
  )
})

test('when all places are taken, an address that holds fewer gets one from the address that holds most', () => {
  const guests = new Guests<{ neighbourhood: string; spare: boolean }>({ max: 5, perNeighbourhoodMax: 4 })
  const held = Array.from({ length: 4 }, () => ({ neighbourhood: 'flood', spare: true }))
  for (const guest of held) guests.add(guest)
  assert.deepEqual(guests.receive('flood'), { place: 'none', reason: 'address' })
  assert.deepEqual(guests.receive('vcenter'), { place: 'free' })
  guests.add({ neighbourhood: 'vcenter', spare: true })
  const [first, second] = held
  assert.ok(first && second)
  // One whose request is being worked on keeps its place.
  first.spare = false
  assert.deepEqual(guests.receive('vcenter'), { place: 'taken-from', guest: second })
  assert.deepEqual(guests.receive('host'), { place: 'taken-from', guest: second })
  for (const guest of held) guest.spare = false
  assert.deepEqual(guests.receive('host'), { place: 'none', reason: 'full' })
  assert.equal(guests.remove(first), true)
  assert.equal(guests.remove(first), false)
  assert.deepEqual(guests.receive('host'), { place: 'free' })
})

test('places are never taken back and forth between equals', () => {
  const guests = new Guests<{ neighbourhood: string; spare: boolean }>({ max: 4, perNeighbourhoodMax: 4 })
  for (const address of ['a', 'a', 'b', 'b']) guests.add({ neighbourhood: address, spare: true })
  assert.deepEqual(guests.receive('a'), { place: 'none', reason: 'full' })
  assert.equal(guests.receive('c').place, 'taken-from')
})

test('addresses have one spelling, and one IPv6 machine is one neighbour', () => {
  assert.equal(plainAddress('::ffff:10.1.2.3'), '10.1.2.3')
  assert.equal(plainAddress('::ffff:a01:203'), '10.1.2.3')
  assert.equal(plainAddress('10.1.2.3'), '10.1.2.3')
  assert.equal(plainAddress('fe80::1%eth0'), 'fe80::1')
  assert.equal(neighbourhood('10.1.2.3'), '10.1.2.3')
  assert.equal(neighbourhood('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  assert.equal(neighbourhood('2001:db8:1:2::9'), neighbourhood('2001:db8:1:2:ffff::1'))
  assert.notEqual(neighbourhood('2001:db8:1:2::9'), neighbourhood('2001:db8:1:3::9'))
  assert.equal(neighbourhood('2001:db8::1'), '2001:db8:0:0::/64')
  assert.equal(neighbourhood('::1'), '0:0:0:0::/64')
  assert.equal(neighbourhood('fe80::1'), 'fe80:0:0:0::/64')
})
