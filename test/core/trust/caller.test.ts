// The owner of what a caller has begun: nobody else is the same party. The parties of an instance are a group, which leaves places to others.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupOf, isFull, partyOf, type Caller } from '../../../src/core/trust/caller.ts'

const party = (instanceId: string, kind: string, id: string | null) =>
  partyOf({ instanceId, actor: { kind, id } } as unknown as Caller)

test('a party is one actor of one kind in one instance', () => {
  const all = [
    party('i', 'client', 'a'),
    party('j', 'client', 'a'),
    party('i', 'token', 'a'),
    party('i', 'client', 'b'),
    party('i', 'client', null),
    party('i', 'client', 'null'),
  ]
  assert.equal(new Set(all).size, all.length)
  assert.equal(party('i', 'client', 'a'), all[0])
})

test('the parties of an instance are one group', () => {
  const own = groupOf(party('i', 'client', 'a'))
  assert.equal(groupOf(party('i', 'token', 'b,c')), own)
  assert.notEqual(groupOf(party('j', 'client', 'a')), own)
})

test('a place is free until the party, its instance or all have as many as they may', () => {
  const bounds = { partyMax: 2, max: 8 }
  const held = (instanceId: string, count: number) =>
    Array.from({ length: count }, (_, n) => party(instanceId, 'client', String(n)))
  const [own, other] = [party('i', 'client', 'own'), party('j', 'client', 'own')]
  assert.equal(isFull([own], own, bounds), false)
  assert.equal(isFull([own, own], own, bounds), true)
  assert.equal(isFull(held('i', 5), own, bounds), false)
  assert.equal(isFull(held('i', 6), own, bounds), true)
  assert.equal(isFull(held('i', 6), other, bounds), false)
  assert.equal(isFull([...held('i', 6), ...held('j', 1)], other, bounds), false)
  assert.equal(isFull([...held('i', 6), ...held('j', 2)], other, bounds), true)
})
