// What the audit says of a key that leaves: who asked for it how.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEntry } from '../../../src/ports/audit.ts'
import { createKey, openCoreWithClient } from '../../support/core.ts'

test('the entry of a fetch names Export and Put, and nothing where a client asked for the key alone', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  for (const [how, operation] of [
    [{}, undefined],
    [{ exported: true }, 'Export'],
    [{ put: true }, 'Put'],
  ] as const) {
    await perform((work) => work.fetch(id, how))
    const { entries } = await core.store.audit({ order: 'newest', limit: 1 })
    const { action, object, detail } = JSON.parse(entries[0]?.body ?? '{}') as AuditEntry
    assert.deepEqual([action, object, detail?.['operation']], ['key.get', id, operation])
  }
})
