// docs/kmip-conformance.md says what the tables say.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { conformancePage } from '../../scripts/print-conformance.ts'
import { root } from '../support/sources.ts'

test('docs/kmip-conformance.md is current: node scripts/print-conformance.ts > docs/kmip-conformance.md', async () => {
  const page = readFileSync(path.join(root, 'docs/kmip-conformance.md'), 'utf8')
  assert.equal(page, await conformancePage())
})
