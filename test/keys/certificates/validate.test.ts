// What the audit says of a chain that was asked about: whether it holds.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAuthority } from '../../../src/pki/issue.ts'
import type { AuditEntry } from '../../../src/ports/audit.ts'
import { openCoreWithClient } from '../../support/core.ts'

test('the entry of a validation says what was answered', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const { certificate } = await makeAuthority({ commonName: 'CA', nowMs: core.clock.now() })
  for (const [der, expected] of [
    [Buffer.from(certificate.der), 'Valid'],
    [Buffer.from('none'), 'Invalid'],
  ] as const) {
    const wanted = { certificates: [der], uniqueIdentifiers: [], atMs: undefined }
    assert.equal(await perform((work) => work.certificates.validate(wanted)), expected)
    const { entries } = await core.store.audit({ order: 'newest', limit: 1 })
    const { action, detail } = JSON.parse(entries[0]?.body ?? '{}') as AuditEntry
    assert.deepEqual([action, detail], ['certificate.validate', { validity: expected }])
  }
})
