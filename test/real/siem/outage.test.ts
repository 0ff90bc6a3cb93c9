// Runs alone: it measures how long a receiver takes to catch up.
//
// A minute of `npm run soak -- --topology siem`, in both ways to be cut off.

import { test } from 'node:test'
import { skipOrFail } from '../../support/server/skip.ts'
import { soakSiem } from '../../support/load/soak-siem.ts'
import { SyslogDaemon } from '../../support/syslog/daemons.ts'

for (const [kind, how] of [
  ['rsyslog', 'hangs'],
  ['syslog-ng', 'stopped'],
] as const)
  test(`a ${kind} that is cut off under load (${how}) has every entry afterwards`, async (t) => {
    const missing = SyslogDaemon.missing(kind)
    if (missing !== null) return skipOrFail(t, missing)
    await using daemon = await SyslogDaemon.prepare(kind)
    const done = await soakSiem({
      daemon,
      how,
      minutes: { before: 0.2, cutOff: 0.5 },
      kills: 1,
      perSecond: 20,
      say: (text) => t.diagnostic(text),
    })
    t.diagnostic(JSON.stringify(done))
  })
