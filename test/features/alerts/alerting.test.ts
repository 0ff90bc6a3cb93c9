// What people were told, as the data folder remembers it.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { toldIn } from '../../../src/features/alerts/alerting.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-alerting-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('what was told is read again by the next process, and a new folder has none', async () => {
  assert.deepEqual(await toldIn(folder).read(), [])
  const low = { id: 'disk-low', severity: 'warning', instanceId: null, about: '', message: 'low', action: '' }
  await toldIn(folder).write([{ ...low, severity: 'warning' }])
  assert.deepEqual(await toldIn(folder).read(), [low])
  assert.equal(statSync(path.join(folder, 'alerts-told')).mode & 0o777, 0o600)
})
