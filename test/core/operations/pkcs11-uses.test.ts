// The uses of PKCS#11 that clients began: whose each is, how long it goes on, and how many there may be.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pkcs11KeptMs, pkcs11Max, pkcs11PerPartyMax } from '../../../src/core/operations/pkcs11-uses.ts'
import { Pkcs11Uses } from '../../../src/core/operations/pkcs11-uses.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

const begun = (uses: Pkcs11Uses, party: string) => uses.begin(party) ?? assert.fail('there are too many')

test('a use goes on for its client until it ends, or was not used for its time', () => {
  const clock = new MovableClock()
  const uses = new Pkcs11Uses(clock)
  const [one, other] = [begun(uses, 'a'), begun(uses, 'a')]
  assert.notDeepEqual(one, other)
  assert.deepEqual([uses.renew('a', one), uses.renew('b', one)], [true, false])
  assert.equal(uses.renew('a', Buffer.from('none')), false)
  clock.pass(pkcs11KeptMs - 1)
  assert.ok(uses.renew('a', one))
  clock.pass(1)
  assert.equal(uses.renew('a', other), false, 'its time is over')
  clock.pass(pkcs11KeptMs - 2)
  assert.ok(uses.renew('a', one), 'each use lets it go on')
  uses.end(one)
  assert.equal(uses.renew('a', one), false)
})

test('a client has so many at once, and those whose time is over make room', () => {
  const clock = new MovableClock()
  const uses = new Pkcs11Uses(clock)
  const [first] = Array.from({ length: pkcs11PerPartyMax }, () => begun(uses, 'a'))
  assert.equal(uses.begin('a'), undefined)
  assert.ok(uses.begin('b'), 'another client has room')
  assert.ok(first)
  uses.end(first)
  assert.ok(uses.begin('a'))
  assert.equal(uses.begin('a'), undefined)
  clock.pass(pkcs11KeptMs)
  assert.ok(uses.begin('a'))
})

test('all clients together have so many', () => {
  const uses = new Pkcs11Uses(new MovableClock())
  for (let count = 0; count < pkcs11Max; count++) begun(uses, String(count % (pkcs11Max / pkcs11PerPartyMax)))
  assert.equal(uses.begin('one more'), undefined)
})

test('the clients of one instance leave some to others', () => {
  const uses = new Pkcs11Uses(new MovableClock())
  const most = pkcs11Max * 0.75
  const client = (instance: string, n: number) =>
    uses.begin(JSON.stringify([instance, 'client', Math.floor(n / pkcs11PerPartyMax)]))
  for (let n = 0; n < most; n++) assert.ok(client('a', n))
  assert.equal(client('a', most), undefined)
  assert.ok(client('b', 0))
})
