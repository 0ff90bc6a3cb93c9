// The test entry of `mortise siem test`, and the time by which a target is known to have it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Siem } from '../../../src/features/siem/open-siem.ts'
import type { ApiRequester } from '../../../src/doors/http/route-request.ts'
import { siemHandlers } from '../../../src/features/siem/handlers.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { openCore } from '../../support/server/core.ts'

test('siem test says no earlier time than its entry has, so that a target without it does not seem to have it', async (t) => {
  const { audit, clock } = await openCore(t)
  const behind = { kind: 'file', target: 'audit.jsonl', behindSinceMs: null, trouble: null } as const
  const context = {
    siem: { facts: async () => [behind] },
    audit: {
      enter: (entry: Parameters<typeof audit.enter>[0]) => {
        clock.pass(1)
        return audit.enter(entry)
      },
    },
    clock,
  } as unknown as Siem
  const asked = { asker: { actor: serverActor, requestId: null } as unknown as ApiRequester }
  const { at } = await siemHandlers.testSiem(context, asked as Parameters<typeof siemHandlers.testSiem>[1])
  const { entries } = await audit.list({ order: 'newest', limit: 1, action: 'siem.test' })
  assert.ok(Date.parse(at) >= (JSON.parse(entries[0]?.body ?? '') as AuditEntry).atMs)
})
