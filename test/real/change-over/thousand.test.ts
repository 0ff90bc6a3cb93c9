// The change-over with a thousand keys, from a server with the nine operations of Key Protect's own KMIP adapters.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeOver } from '../../support/clients/change-over.ts'
import { adapterLike } from './nine-operations.ts'
import { startServer } from '../../support/server/server.ts'

test('a thousand keys change over, and no task fails', { timeout: 900_000 }, async (t) => {
  await using old = await adapterLike()
  await using mine = await startServer()
  await mine.trust('vcenter', old.vcenter.tls.cert)
  const vcenter = { cert: old.vcenter.certFile, key: old.vcenter.keyFile }
  const numbers = await changeOver({ old: old.side, mine, vcenter, vms: 480 })
  t.diagnostic(JSON.stringify(numbers))
  const { failedTasks, violations, missing, changed } = numbers
  assert.deepEqual([failedTasks, violations, missing, changed], [0, 0, 0, 0])
  assert.ok(numbers.old >= 1_000, `${numbers.old} keys`)
})
