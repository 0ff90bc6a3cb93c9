// Requests that wait for a second person: until when, what has changed meanwhile, and how long one that is over is kept.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { approvalKeptMs } from '../../../src/base/bounds.ts'
import { approvalsKeptMax } from '../../../src/core/trust/approval.ts'
import {
  approvalStates,
  changedFacts,
  isOpen,
  keptNoLonger,
  stateAt,
  type Approval,
} from '../../../src/core/trust/approval.ts'

const nowMs = 1_800_000_000_000

function approval(more: Partial<Approval>): Approval {
  return {
    id: 'a',
    act: 'instance delete',
    route: 'removeInstance',
    asked: { params: {}, query: {}, body: {} },
    hasSecrets: false,
    facts: {},
    instanceId: null,
    asker: { tokenId: 't', name: 'ann', person: { kind: 'owner', name: 'ann' }, address: null },
    createdMs: 0,
    endsMs: nowMs,
    state: 'waiting',
    ...more,
  }
}

test('a request is open while it waits or its act is under way; time ends one that waits, and no other', () => {
  assert.deepEqual(
    approvalStates.filter((state) => isOpen({ state })),
    ['waiting', 'approved'],
  )
  for (const state of approvalStates) {
    assert.equal(stateAt(approval({ state }), nowMs - 1), state)
    assert.equal(stateAt(approval({ state }), nowMs), state === 'waiting' ? 'ended' : state)
  }
})

test('each fact that is another, is gone or is new has its sentence', () => {
  assert.deepEqual(changedFacts({ a: '1', b: '2' }, { b: '2', a: '1' }), [])
  assert.deepEqual(changedFacts({ a: '1', b: '2', c: '3' }, { a: '1', b: '4', d: '5' }), [
    'b: it was 2, and is 4 now',
    'c: it was 3, and is nothing now',
    'd: it was nothing, and is 5 now',
  ])
})

const gone = (approvals: readonly Approval[]) => keptNoLonger(approvals, nowMs).map(({ id }) => id)

test('of the requests that are over the newest are kept for a while; an open one is kept in any case', () => {
  const most = approvalsKeptMax
  const keptMs = approvalKeptMs
  const over = (id: string, agoMs: number) => approval({ id, state: 'done', decidedMs: nowMs - agoMs })
  assert.deepEqual(gone([over('just', keptMs), over('old', keptMs + 1)]), ['old'])
  const open = ['waiting', 'approved'] as const
  assert.deepEqual(gone(open.map((state) => approval({ state, decidedMs: 0 }))), [])
  const many = Array.from({ length: most + 2 }, (_, n) => over(String(n), n))
  assert.deepEqual(gone(many.slice(0, most)), [])
  assert.deepEqual(gone([...many.toReversed(), approval({ id: 'open' })]), [String(most), String(most + 1)])
  const elsewhere = many.map((one) => ({ ...one, instanceId: 'other' }))
  assert.deepEqual(gone([...elsewhere.slice(0, most), over('own', most)]), [])
})
