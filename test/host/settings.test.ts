// A reload is in the audit, also one that is refused: who wanted it, and why not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../../src/base/refusal.ts'
import { readConfig } from '../support/server/config.ts'
import type { AuditEntry } from '../../src/core/ports/audit.ts'
import { Settings } from '../../src/host/settings.ts'
import { manager, openCore } from '../support/server/core.ts'

test('a reload of a configuration that is not valid is entered, and changes nothing', async (t) => {
  const { audit } = await openCore(t)
  let level = 'info'
  const read = () => readConfig({ data: '/nowhere' }, { MORTISE_LOG_LEVEL: level })
  const settings = new Settings({ initial: read(), read, features: {} })
  const applied: string[] = []
  settings.start(audit, async ({ log }) => void applied.push(log.level))
  level = 'loud'
  await assert.rejects(settings.reload({ ...manager, requestId: 'request 1' }), Refusal)
  level = 'warn'
  await settings.reload(manager)
  assert.deepEqual([applied, settings.now.log.level], [['warn'], 'warn'])
  const { entries } = await audit.list({ order: 'oldest', limit: 10, action: 'server.reload' })
  const [refused, done] = entries.map(({ body }) => JSON.parse(body) as AuditEntry)
  assert.deepEqual([refused?.result, refused?.requestId, done?.result], ['refused', 'request 1', 'success'])
  assert.match(String(refused?.detail?.['why']), /MORTISE_LOG_LEVEL/)
})
