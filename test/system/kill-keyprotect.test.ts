// kill -9 of the real server beside the fake of Key Protect, at random moments and with lost answers.
// `npm run test:real -- kills` does it more often, `npm run soak -- --custody keyprotect` two hundred times. What is checked
// stands in support/killing-keyprotect.ts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killKeyProtect } from '../support/load/killing-keyprotect.ts'

test(
  'killed while answers are lost, it comes back from the service alone, and leaves nothing superfluous there',
  { timeout: 600_000 },
  async (t) => {
    const counts = await killKeyProtect({ kills: 3, seed: Date.now() % 2 ** 31 })
    t.diagnostic(JSON.stringify(counts))
    assert.ok(counts.keys > 5 && counts.swept > 0)
  },
)
