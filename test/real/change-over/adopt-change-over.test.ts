// The change-over with numbers: a vCenter makes keys without pause, at an old server with the operations of IBM's successor
// before and at Mortise after the change. Each key is found at the new one, with the same bytes, when the old one is gone.
// test/real/change-over has it with a thousand keys, and test/real/pykmip with another vendor's server.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeOver } from '../../support/clients/change-over.ts'
import { adapterLike } from './nine-operations.ts'
import { startServer } from '../../support/server/server.ts'

test("a vCenter's keys are served by the server that took the old one's place, and no task fails", async () => {
  await using old = await adapterLike()
  await using mine = await startServer()
  await mine.trust('vcenter', old.vcenter.tls.cert)
  const vcenter = { cert: old.vcenter.certFile, key: old.vcenter.keyFile }
  const numbers = await changeOver({ old: old.side, mine, vcenter, vms: 20 })
  const { failedTasks, violations, missing, changed } = numbers
  assert.deepEqual(
    { failedTasks, violations, missing, changed },
    { failedTasks: 0, violations: 0, missing: 0, changed: 0 },
  )
  assert.ok(numbers.old > 60 && numbers.onDemand >= 12 && numbers.madeHere >= 12, JSON.stringify(numbers))
})
