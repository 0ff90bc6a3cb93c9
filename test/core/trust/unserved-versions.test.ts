// Which clients asked for a version that is not served: counted, bounded, forgotten after a day.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unservedVersionsMax, unservedVersionsToldMs } from '../../../src/core/trust/unserved-versions.ts'
import { UnservedVersions } from '../../../src/core/trust/unserved-versions.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

const client = (id: string) => ({ id, instanceId: 'instance-1' })

test('each client and version is counted, and forgotten a day after it last asked', () => {
  const clock = new MovableClock()
  const versions = new UnservedVersions(clock)
  versions.note(client('a'), '3.0')
  clock.pass(1000)
  versions.note(client('a'), '3.0')
  versions.note(client('b'), '3.0')
  const shown = () => versions.list().map(({ clientId, version, count }) => [clientId, version, count])
  assert.deepEqual(shown(), [
    ['a', '3.0', 2],
    ['b', '3.0', 1],
  ])
  clock.pass(unservedVersionsToldMs - 500)
  versions.note(client('b'), '3.0')
  clock.pass(501)
  assert.deepEqual(shown(), [['b', '3.0', 2]])
})

test('the longest silent one makes room', () => {
  const versions = new UnservedVersions(new MovableClock())
  for (let number = 0; number <= unservedVersionsMax; number++) versions.note(client(String(number)), '3.0')
  const kept = versions.list()
  assert.equal(kept.length, unservedVersionsMax)
  assert.equal(kept[0]?.clientId, '1')
})

test('of too many those of the instance with most give way', () => {
  const versions = new UnservedVersions(new MovableClock())
  versions.note({ id: 'other', instanceId: 'b' }, '3.0')
  for (let minor = 0; minor < unservedVersionsMax + 1; minor++)
    versions.note({ id: 'many', instanceId: 'a' }, `9.${String(minor)}`)
  const kept = versions.list().map(({ clientId, version }) => `${clientId} ${version}`)
  assert.deepEqual([kept.length, ...kept.slice(0, 2)], [unservedVersionsMax, 'other 3.0', 'many 9.2'])
})
