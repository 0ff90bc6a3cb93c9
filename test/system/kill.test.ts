// kill -9 of the real server, some times under load. `npm run test:real -- kills` does it more often, and in the first moments of a
// server; `npm run soak` a thousand times. What is checked after each start stands in support/killing.ts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killUnderLoad } from '../support/load/killing.ts'

test(
  'killed three times under load, it loses nothing that it acknowledged',
  { timeout: 600_000 },
  async (t) => {
    const done = await killUnderLoad({ kills: 3, clients: 6, seed: Date.now() % 2 ** 31 })
    t.diagnostic(JSON.stringify(done))
    assert.ok(done.created > 10 && done.fetched > 10 && done.changed > 10, 'there was hardly any load')
    assert.ok(done.unanswered > 0, 'no client noticed a kill')
  },
)
