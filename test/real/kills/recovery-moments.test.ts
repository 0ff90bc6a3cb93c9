// The database is gone, six times: killed at random moments, deleted, restored from Key Protect alone.
// `npm run soak -- --custody keyprotect` does it more often. What is checked stands in support/losing-databases.ts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loseDatabases } from '../../support/load/losing-databases.ts'

test('killed at six moments and without its database, it comes back with all that was acknowledged', async (t) => {
  const done = await loseDatabases({ moments: 6, seed: Date.now() % 2 ** 31 })
  t.diagnostic(JSON.stringify(done))
  assert.ok(done.olderLeft > 1, 'older generations that must not count')
  assert.ok(done.cutOff > 0 && done.rewrapped > 0 && done.revoked > 5 && done.withdrawn > 2)
})
