// Times in the console.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ago, whole } from '../../../console/src/parts/say-time.ts'

test('a time says how long ago it was, or how long it takes, in the largest unit that fits', () => {
  const at = '2026-03-01T12:00:00.000Z'
  const after = (seconds: number) => ago(at, Date.parse(at) + seconds * 1000)
  assert.equal(after(2), 'just now')
  assert.match(after(30), /30 seconds ago/)
  assert.match(after(150), /2 minutes ago/)
  assert.match(after(7200), /2 hours ago/)
  assert.match(after(-3 * 86_400), /in 3 days/)
  assert.match(after(-30 * 86_400 + 60), /in 29 days/, 'no more than is left, as `mortise status` says')
})

test('a whole time names its zone', () => {
  assert.match(whole('2026-03-01T12:00:00.000Z'), /2026.*(UTC|GMT|[A-Z]{3,4}|[+-]\d)/)
})
