// Entries of the audit log come one after the other, whatever the size of a page, and whoever has found its entry reads no further page.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditEntries } from '../../../src/core/audit/entries.ts'
import type { AuditEntry, AuditStore } from '../../../src/core/ports/audit.ts'
import { createKey, openCoreWithClient } from '../../support/server/core.ts'

test('all entries of several pages come once, and a reader that stops early reads no page more', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const made = await Promise.all([1, 2, 3, 4, 5].map(() => perform(createKey())))
  let pages = 0
  const store: Pick<AuditStore, 'audit'> = {
    audit: (query) => {
      pages += 1
      return core.store.audit(query)
    },
  }
  const query = { instanceId: instance.id, action: 'key.create', order: 'newest', limit: 2 } as const
  const objects: (string | null)[] = []
  for await (const { body } of auditEntries(store, query))
    objects.push((JSON.parse(body) as AuditEntry).object)
  assert.deepEqual([objects.length, new Set(objects)], [made.length, new Set(made)])
  assert.ok(pages >= 3)

  pages = 0
  for await (const { body } of auditEntries(store, query)) {
    assert.equal((JSON.parse(body) as AuditEntry).object, objects[0])
    break
  }
  assert.equal(pages, 1)
})
