// The states of machines and hosts: which host is not safe, and from when on it counts. test/real/vcsim/ reads them from a vCenter.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  isNotGreen,
  isNotSafe,
  FirstNames,
  settledMs,
  stateConditions,
  States,
  type HostState,
} from '../../../src/features/vcenter/states.ts'
import type { ProviderHealth, ServerStatus } from '../../../src/outside/vsphere-api/key-providers.ts'
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
    states.noteMachines(vcenter, {
      locked: new FirstNames(),
      needed: [],
      notSafe: new Map(hosts.map((host) => [host, `name of ${host}`])),
    })
    return String(states.of(vcenter).notSafe)
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
  assert.deepEqual(states.ids, [])
})

test('a condition has the count and the first names', () => {
  const machines = Array.from({ length: 1_000 }, (_, number) => `vm-${number}`)
  const states = {
    locked: new FirstNames(machines),
    notSafe: new FirstNames(),
    needed: new FirstNames(),
    notGreen: null,
  }
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

test('yellow and red are not green; gray of the whole says nothing, and then the servers decide', () => {
  assert.equal(isNotGreen({ health: 'green', servers: [server('red')] }), false, 'vCenter decides')
  assert.equal(isNotGreen({ health: 'yellow', servers: [] }), true)
  assert.equal(isNotGreen({ health: 'red', servers: [] }), true)
  assert.equal(isNotGreen({ health: 'gray', servers: [server('green'), server('gray')] }), false)
  assert.equal(isNotGreen({ health: 'gray', servers: [server('green'), server('red')] }), true)
})

test('a provider counts once it was not green in two readings some minutes apart, under one name', () => {
  const clock = new MovableClock()
  const states = new States(clock)
  const connected = { ...vcenter, provider: { name: 'P', proof: 'key', connectedMs: 1 } }
  const read = (words: string | null, provider = 'P') => {
    states.noteProvider(vcenter, provider, words)
    const facts = { vcenterStates: [{ vcenter: connected, instance: 'red', states: states.of(vcenter) }] }
    return stateConditions['vcenter-provider-not-green'].find(facts).map(({ message }) => message)
  }
  assert.deepEqual(read('red'), [])
  clock.pass(settledMs)
  assert.deepEqual(states.of(vcenter).notGreen, null, 'nothing was read since')
  const says = 'the vCenter vc-1 of the instance red does not say green for the key provider P; it says '
  assert.deepEqual(read('yellow'), [`${says}yellow`])
  assert.deepEqual(read(null), [])
  assert.deepEqual(read('red'), [], 'it was green in between')
  clock.pass(settledMs)
  assert.deepEqual(read('red', 'Q'), [], 'another provider')
  clock.pass(settledMs)
  assert.deepEqual(read('red', 'Q'), [], 'not the provider of the last connect')
})

function server(health: ProviderHealth): ServerStatus {
  const trust = { serverTrustsClient: undefined, clientTrustsServer: undefined }
  return { name: 'kms', health, connection: undefined, ...trust }
}
