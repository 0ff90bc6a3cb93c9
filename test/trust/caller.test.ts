// The owner of what a caller has begun: nobody else is the same party.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partyOf, type Caller } from '../../src/trust/caller.ts'

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
