// The states of machines and hosts: which host is not safe, and from when on it counts. test/real/vcsim/ reads them from a vCenter.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  isNotSafe,
  FirstNames,
  settledMs,
  stateConditions,
  States,
  type HostState,
} from '../../../src/features/vcenter/states.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { knownVcenter } from '../../support/vcenter/known-vcenter.ts'

const vcenter = knownVcenter('vc-1')

test('a host that has a key or runs an encrypted machine is to be safe', () => {
  const host: HostState = { connection: 'connected', crypto: 'safe', hasKey: true, runsEncrypted: true }
  const is = (more: Partial<HostState>) => isNotSafe({ ...host, ...more })
  const none = { hasKey: false, runsEncrypted: false }
  assert.equal(is({}), false)
  for (const crypto of ['incapable', 'prepared']) {
    assert.equal(is({ crypto }), true)
    assert.equal(is({ crypto, hasKey: false }), true)
    assert.equal(is({ crypto, runsEncrypted: false }), true)
    assert.equal(is({ crypto, ...none }), false, 'it needs no encryption mode')
    assert.equal(is({ crypto, connection: 'notResponding' }), false, 'its state is an old one')
    assert.equal(is({ crypto, connection: undefined }), false)
  }
  assert.equal(is({ crypto: 'pendingIncapable' }), true)
  assert.equal(is({ crypto: 'pendingIncapable', runsEncrypted: false }), false, 'a person turned it off')
  assert.equal(is({ crypto: undefined }), false, 'vCenter does not tell')
  assert.equal(is({ crypto: 'a word of a newer version' }), false)
})

test('a host counts once it was not safe in two readings some minutes apart', () => {
  const clock = new MovableClock()
  const states = new States(clock)
  const read = (...hosts: readonly string[]) => {
    states.note(vcenter, {
      locked: new FirstNames(),
      notSafe: new Map(hosts.map((host) => [host, `name of ${host}`])),
    })
    return String(states.of(vcenter)?.notSafe)
  }
  assert.equal(read('host-1'), '')
  clock.pass(settledMs - 1)
  assert.equal(read('host-1', 'host-2'), '')
  clock.pass(1)
  assert.equal(read('host-1', 'host-2'), 'name of host-1')
  clock.pass(settledMs)
  assert.equal(read('host-2'), 'name of host-2')
  assert.equal(read(), '')
  assert.equal(read('host-2'), '', 'it was safe in between')
  states.forget(vcenter.id)
  assert.equal(states.of(vcenter), undefined)
})

test('a condition has the count and the first names', () => {
  const machines = Array.from({ length: 1_000 }, (_, number) => `vm-${number}`)
  const states = { locked: new FirstNames(machines), notSafe: new FirstNames() }
  assert.equal(states.locked.first.length, 5)
  const facts = { vcenterStates: [{ vcenter, instance: 'red', states }] }
  assert.deepEqual(
    stateConditions['vcenter-machine-locked'].find(facts).map(({ message }) => message),
    [
      '1000 machines of the vCenter vc-1 of the instance red are locked: vm-0, vm-1, vm-2, vm-3, vm-4, and 995 more',
    ],
  )
  assert.deepEqual(stateConditions['vcenter-host-not-safe'].find(facts), [])
})
