// Whether the node is ready, as anybody may ask.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCore } from '../../support/server/core.ts'

test('while the store does not answer, the node is not ready, and the log says so once a minute', async (t) => {
  const core = await openCore(t)
  const failures = () => core.lines.filter(({ message }) => message === 'the readiness check failed')
  assert.equal((await core.readiness.now(core)).ready, true)
  await core.store.close()
  for (let n = 0; n < 5; n++) assert.equal((await core.readiness.now(core)).ready, false)
  assert.equal(failures().length, 1)
  core.clock.pass(60_000)
  await core.readiness.now(core)
  assert.equal(failures().length, 2)
  assert.equal(failures()[1]?.['keptBackSinceLast'], 4)
})
