// Places among the connections of both doors, as pure rules: many from one address must not keep out one from another.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  adminPlaces,
  clientPlaces,
  Places,
  type AdminHolder,
  type ClientHolder,
} from '../../../src/doors/admission/places.ts'

function newClientPlaces(max: number, perSubnetMax: number, known: readonly string[] = []) {
  const isKnown = (name: string) => known.includes(name)
  return new Places<ClientHolder>({ max, perSubnetMax, policy: clientPlaces(3, isKnown) })
}

test('when all places are taken, an address that holds fewer gets one from the address that holds most', () => {
  const places = newClientPlaces(5, 4)
  const held = Array.from({ length: 4 }, () => ({ subnet: 'flood', spare: true, trusted: true }))
  for (const holder of held) places.add(holder)
  assert.deepEqual(places.offer('flood'), { place: 'none', reason: 'address' })
  assert.deepEqual(places.offer('vcenter'), { place: 'free' })
  places.add({ subnet: 'vcenter', spare: true, trusted: true })
  const [first, second] = held
  assert.ok(first && second)
  // One whose request is being worked on keeps its place.
  first.spare = false
  assert.deepEqual(places.offer('vcenter'), { place: 'taken-from', holder: second })
  assert.deepEqual(places.offer('host'), { place: 'taken-from', holder: second })
  for (const holder of held) holder.spare = false
  assert.deepEqual(places.offer('host'), { place: 'none', reason: 'full' })
  assert.equal(places.remove(first), true)
  assert.equal(places.remove(first), false)
  assert.deepEqual(places.offer('host'), { place: 'free' })
})

test('connections that are not trusted give way first, also to a newcomer of their own address', () => {
  const places = newClientPlaces(5, 3)
  const [trusted, busy, stranger] = [
    { subnet: 'nat', spare: true, trusted: true },
    { subnet: 'nat', spare: false, trusted: false },
    { subnet: 'nat', spare: true, trusted: false },
  ]
  for (const holder of [trusted, busy, stranger]) places.add(holder)
  assert.deepEqual(places.offer('nat'), { place: 'taken-from', holder: stranger })
  for (const address of ['a', 'b']) places.add({ subnet: address, spare: true, trusted: false })
  assert.deepEqual(places.offer('c'), { place: 'taken-from', holder: stranger })
  stranger.spare = false
  assert.deepEqual(places.offer('nat'), { place: 'none', reason: 'address' })
  assert.deepEqual(places.offer('c'), { place: 'taken-from', holder: trusted })
})

test('of connections that are not trusted, handshakes under way give way last', () => {
  const places = newClientPlaces(9, 3)
  const host = { subnet: 'nat', spare: true, trusted: false, arriving: true }
  const [silent, stranger] = [
    { ...host, arriving: false },
    { ...host, arriving: false },
  ]
  for (const holder of [host, silent, stranger]) places.add(holder)
  assert.equal(taken(places.offer('nat')), silent)
  places.remove(silent)
  places.add({ ...host })
  assert.equal(taken(places.offer('nat')), stranger)
  places.remove(stranger)
  places.add({ ...host })
  assert.equal(taken(places.offer('nat')), host)

  function taken(offer: ReturnType<typeof places.offer>): unknown {
    return offer.place === 'taken-from' ? offer.holder : offer.place
  }
})

test('an address whose requests are all being worked on does not keep the places of the others', () => {
  const places = newClientPlaces(5, 5, ['vcenter'])
  for (let number = 0; number < 3; number += 1) places.add({ subnet: 'flood', spare: false, trusted: true })
  const holder = { subnet: 'silent', spare: true, trusted: true }
  for (const one of [holder, { ...holder }]) places.add(one)
  for (const newcomer of ['vcenter', 'host'])
    assert.deepEqual(places.offer(newcomer), { place: 'taken-from', holder })
})

test('places are never taken back and forth between equals', () => {
  const places = newClientPlaces(4, 4)
  for (const address of ['a', 'a', 'b', 'b']) places.add({ subnet: address, spare: true, trusted: true })
  assert.deepEqual(places.offer('a'), { place: 'none', reason: 'full' })
  assert.equal(places.offer('c').place, 'taken-from')
})

test('addresses of trusted clients keep their places, and get one of the others', () => {
  const places = newClientPlaces(6, 6, ['vcenter', 'host'])
  for (const address of ['vcenter', 'vcenter', 'vcenter', 'a', 'b', 'b'])
    places.add({ subnet: address, spare: true, trusted: true })
  const fromFlood = { place: 'taken-from', holder: { subnet: 'b', spare: true, trusted: true } }
  assert.deepEqual(places.offer('host'), fromFlood)
  assert.deepEqual(places.offer('vcenter'), fromFlood)
  assert.deepEqual(places.offer('c'), fromFlood)
  // b and a have one each: nobody has more than a newcomer would, but vcenter, which keeps three.
  const even = newClientPlaces(5, 5, ['vcenter'])
  for (const address of ['vcenter', 'vcenter', 'vcenter', 'a', 'b'])
    even.add({ subnet: address, spare: true, trusted: true })
  assert.deepEqual(even.offer('c'), { place: 'none', reason: 'full' })
  // Someone who shares a known address has all places.
  const shared = newClientPlaces(5, 5, ['vcenter'])
  for (let number = 0; number < 5; number += 1) shared.add({ subnet: 'vcenter', spare: true, trusted: true })
  assert.equal(shared.offer('c').place, 'taken-from')
})

// ---------------------------------------------------------------- the admin door

interface Held extends AdminHolder {
  readonly name: string
  hasRequested: boolean
  running: number
}

function newAdminPlaces(max: number, perSubnetMax: number) {
  const places = new Places<Held>({ max, perSubnetMax, policy: adminPlaces() })
  const held = new Map<string, Held>()
  const holder = (name: string): Held => {
    const one = held.get(name)
    assert.ok(one)
    return one
  }
  return {
    /** The first letter of a name is its subnet. Returns who must leave for it: perhaps itself. */
    come(name: string): string | undefined {
      const newcomer = { name, subnet: name[0] ?? '', hasRequested: false, running: 0 }
      const offer = places.offer(newcomer.subnet)
      if (offer.place === 'none') return name
      if (offer.place === 'taken-from') places.remove(offer.holder)
      held.set(name, newcomer)
      places.add(newcomer)
      return offer.place === 'free' ? undefined : offer.holder.name
    },
    ask(name: string): void {
      holder(name).hasRequested = true
      holder(name).running += 1
    },
    answered(name: string): void {
      holder(name).running -= 1
      places.moveToEnd(holder(name))
    },
  }
}

test('admin: one address gets its bound of connections; the oldest without a request gives way, one that asks does not', () => {
  const door = newAdminPlaces(100, 3)
  for (const name of ['a1', 'a2', 'a3', 'b1']) assert.equal(door.come(name), undefined)
  door.ask('a1')
  assert.equal(door.come('a4'), 'a2')
  door.ask('a3')
  door.ask('a4')
  assert.equal(door.come('a5'), 'a5', 'where all are asking, the newcomer is turned away')
  door.answered('a3')
  door.answered('a1')
  assert.equal(door.come('a6'), 'a3', 'one that has asked gives way after it was answered')
})

test('admin: one that has asked gives way after those that never did', () => {
  const door = newAdminPlaces(100, 2)
  door.come('asked')
  door.ask('asked')
  door.answered('asked')
  door.come('a silent one')
  assert.equal(door.come('a newcomer'), 'a silent one')
})

test('admin: when all places are taken, the address that holds most gives one up, and no smaller one does', () => {
  const door = newAdminPlaces(5, 4)
  for (const name of ['a1', 'a2', 'a3', 'b1', 'b2']) door.come(name)
  assert.equal(door.come('c1'), 'a1')
  for (const name of ['a2', 'a3', 'b1', 'b2']) door.ask(name)
  assert.equal(door.come('d1'), 'c1', 'those that are asking stay')
  assert.equal(door.come('b3'), 'b3', 'b would hold most, and cannot take from d')
})
