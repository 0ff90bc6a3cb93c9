// Whatever is killed while keys are destroyed, brought back, copied, moved and restored, beginning on SQLite: no destroyed key comes
// back, no other key is closed, and no alarm is raised. What is checked stands in support/killing-marks.ts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killWhileMarking } from './killing-marks.ts'
import { startPostgres } from '../../support/postgresql/server.ts'

test('marks of destroyed keys outlast every kill', async (t) => {
  const postgres = await startPostgres(t, { fsync: 'off' })
  if (!postgres) return
  t.after(() => postgres.stop('immediate'))
  const seed = Number(process.env['MORTISE_TEST_SEED'] ?? Date.now() % 2 ** 31)
  t.diagnostic(`MORTISE_TEST_SEED=${seed} repeats these choices`)
  const killed: string[] = []
  const onKill = (what: string) => void killed.push(what)
  await killWhileMarking({ postgres, store: 'sqlite', seed, forMs: 60_000, onKill })
  t.diagnostic(killed.join(', '))
  assert.ok(killed.length >= 9)
})
