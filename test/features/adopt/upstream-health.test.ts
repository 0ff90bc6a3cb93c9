// The health of an upstream, of which several processes know a part.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { healthOfAll, type UpstreamHealth } from '../../../src/features/adopt/upstream-health.ts'

test('an upstream fails if it fails for one process', () => {
  const health: UpstreamHealth = { lastAnswerMs: null, lastFailure: null, failing: false, notAdopted: [] }
  assert.equal(healthOfAll([]), undefined)
  const failure = { atMs: 7, message: 'no answer' }
  const missed = { id: 'k', why: 'w' }
  assert.deepEqual(
    healthOfAll([
      { ...health, lastAnswerMs: 3, notAdopted: [missed] },
      { ...health, lastAnswerMs: 5, lastFailure: failure, failing: true, notAdopted: [missed] },
      { ...health, lastFailure: { atMs: 2, message: 'older' } },
    ]),
    { lastAnswerMs: 5, lastFailure: failure, failing: true, notAdopted: [missed] },
  )
})
