// Whose Correlation Value is good for what, and how long.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cryptoStreamsMax } from '../../../../src/base/bounds.ts'
import {
  cryptoStreamIdleMs,
  cryptoStreamsPerPartyMax,
} from '../../../../src/core/keys/transaction/streams.ts'
import { Streams, type StreamOf } from '../../../../src/core/keys/transaction/streams.ts'
import { serverActor } from '../../../../src/core/audit/actor.ts'
import { partyOf } from '../../../../src/core/trust/caller.ts'
import { faults } from '../../../support/server/core.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'

function build() {
  const clock = new MovableClock()
  const dropped: string[] = []
  const run = async (_name: string, input: unknown) => {
    dropped.push(...(input as { readonly ids: readonly string[] }).ids)
    return undefined as never
  }
  return { clock, dropped, streams: new Streams(clock, { run }) }
}

const mine: StreamOf = { party: 'client a', operation: 'key.encrypt', uniqueIdentifier: 'k' }
const refused = faults('InvalidCorrelationValue')
const streamOf = (instanceId: string, id: string): StreamOf => ({
  ...mine,
  party: partyOf({ instanceId, actor: { ...serverActor, kind: 'client', id } }),
})

test('a Correlation Value is good for its client, operation and key alone, until it ends', () => {
  const { streams } = build()
  const id = streams.begin(mine)
  streams.require(id, mine)
  for (const other of [{ party: 'client b' }, { operation: 'key.decrypt' }, { uniqueIdentifier: 'l' }])
    assert.throws(() => streams.require(id, { ...mine, ...other }), refused)
  assert.throws(
    () =>
      streams.require(
        id.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
        mine,
      ),
    refused,
  )
  assert.throws(() => streams.require('', mine), refused)
  streams.end(id)
  assert.throws(() => streams.require(id, mine), refused)
})

test('one that rests is forgotten, and the thread forgets its key', () => {
  const { streams, clock, dropped } = build()
  const [resting, used] = [streams.begin(mine), streams.begin(mine)]
  clock.pass(cryptoStreamIdleMs - 1)
  streams.require(used, mine)
  clock.pass(1)
  assert.throws(() => streams.require(resting, mine), refused)
  assert.deepEqual(dropped, [resting])
  streams.require(used, mine)
  clock.pass(2 * cryptoStreamIdleMs)
  assert.throws(() => streams.require(used, mine), refused)
  assert.deepEqual(dropped, [resting, used])
})

test('a client may have a few, all together some more', () => {
  const { streams } = build()
  const ids = Array.from({ length: cryptoStreamsPerPartyMax }, () => streams.begin(mine))
  assert.throws(() => streams.begin(mine), faults('GeneralFailure', /this client/))
  streams.end(ids[0] ?? '')
  streams.begin(mine)
  const others = cryptoStreamsMax - cryptoStreamsPerPartyMax
  for (let party = 0; party < others; party++) streams.begin({ ...mine, party: String(party) })
  assert.throws(() => streams.begin({ ...mine, party: 'last' }), faults('GeneralFailure', /server/))
})

const client = (instance: string, id: number) => ({
  ...mine,
  party: JSON.stringify([instance, 'client', id]),
})

test('the clients of one instance leave some to others', () => {
  const { streams } = build()
  const most = cryptoStreamsMax * 0.75
  for (let id = 0; id < most; id++) streams.begin(client('a', id))
  assert.throws(() => streams.begin(client('a', most)), faults('GeneralFailure', /server/))
  streams.begin(client('b', 0))
})

test('what clients of a closed instance have begun is forgotten, and nothing of others', () => {
  const { streams, dropped } = build()
  const [first, second, other] = [streamOf('red', 'a'), streamOf('red', 'b'), streamOf('re', 'a')]
  const ids = [first, second, other].map((stream) => streams.begin(stream))
  streams.dropOf('red')
  assert.deepEqual(dropped, ids.slice(0, 2))
  assert.throws(() => streams.require(ids[0] ?? '', first), refused)
  streams.require(ids[2] ?? '', other)
})
