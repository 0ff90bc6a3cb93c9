// Runs alone: it starts and kills the server many times, and should meet it under its own load, not the other tests'.
//
// test/system/kill.test.ts with more kills, and kills beside the fake of Key Protect with lost answers.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killUnderLoad } from '../../support/load/killing.ts'
import { killKeyProtect } from '../../support/load/killing-keyprotect.ts'

const seed = Date.now() % 2 ** 31
const patient = { timeout: 600_000 }

test('killed many times under load, it loses nothing that it acknowledged', patient, async (t) => {
  const done = await killUnderLoad({ kills: 12, clients: 6, seed })
  t.diagnostic(JSON.stringify(done))
  assert.ok(done.created > 10 && done.fetched > 10 && done.changed > 10, 'there was hardly any load')
  assert.ok(done.unanswered > 0, 'no client noticed a kill')
})

test(
  'killed many times while answers of Key Protect are lost, it comes back from the service',
  patient,
  async (t) => {
    const counts = await killKeyProtect({ kills: 12, seed })
    t.diagnostic(JSON.stringify(counts))
    assert.ok(counts.keys > 5 && counts.swept > 0)
  },
)
