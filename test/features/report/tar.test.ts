// The archive is one that tar itself reads.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { tarOf } from '../../../src/features/report/tar.ts'
import { skipOrFail } from '../../support/server/skip.ts'

test('tar lists and unpacks it, with mode 0600', (t) => {
  const files = [
    { name: 'empty', content: Buffer.alloc(0) },
    { name: 'logs/1-exactly-a-block', content: Buffer.alloc(512, 'a') },
    { name: 'status.json', content: Buffer.from('{}\n') },
  ]
  const archive = tarOf(files, Date.UTC(2026, 0, 2))
  const listed = spawnSync('tar', ['-tvf', '-', '--numeric-owner', '--utc'], {
    input: archive,
    encoding: 'utf8',
  })
  if (listed.error) return skipOrFail(t, 'needs tar')
  assert.equal(listed.stderr, '')
  assert.match(
    listed.stdout,
    /^-rw------- 0\/0 +0 2026-01-02 00:00 empty\n.* 512 .* logs\/1-exactly-a-block\n.* 3 .* status\.json\n$/,
  )
  const { stdout } = spawnSync('tar', ['-xOf', '-', 'status.json'], { input: archive, encoding: 'utf8' })
  assert.equal(stdout, '{}\n')
})
