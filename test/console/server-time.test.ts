// The console goes by the server's clock.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noteServerTime, serverNowMs } from '../../console/src/server-time.ts'

test('the time is that of the last answer, and goes on from there; an answer without one changes nothing', (t) => {
  const hereMs = Date.parse('2026-03-02T12:00:00Z')
  const thereMs = Date.parse('2026-03-01T11:00:00Z')
  t.after(() => noteServerTime(new Date(hereMs).toUTCString(), hereMs))
  noteServerTime(new Date(thereMs).toUTCString(), hereMs)
  assert.equal(serverNowMs(hereMs + 5_000), thereMs + 5_000)
  for (const none of [null, '', 'no date']) noteServerTime(none, 0)
  assert.equal(serverNowMs(hereMs), thereMs)
})
