// What is remembered of subnets: where trusted clients came from, and what handshakes have cost.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { subnetOf, plainAddress } from '../../../src/base/address.ts'
import { Subnets } from '../../../src/doors/admission/subnets.ts'
import { listenerLimits } from '../../../src/doors/kmip/listener-limits.ts'

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
