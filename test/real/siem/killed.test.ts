// Debian's receivers of syslog take the audit log over TLS, while they and the server are killed at any moment. Afterwards each has
// every entry, in order: the numbers of each writer have no gap, and its chain can be checked from what the receiver wrote.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../../support/fuzz/random.ts'
import { startServer } from '../../support/server/server.ts'
import { skipOrFail } from '../../support/server/skip.ts'
import { judge, SyslogDaemon } from '../../support/syslog/daemons.ts'

for (const kind of ['rsyslog', 'syslog-ng'] as const)
  test(`${kind} has every entry after both it and the server were killed again and again`, async (t) => {
    const missing = SyslogDaemon.missing(kind)
    if (missing !== null) return skipOrFail(t, missing)
    const seed = Number(process.env['MORTISE_SEED'] ?? Date.now() % 1_000_000)
    t.diagnostic(`MORTISE_SEED=${seed}`)
    const random = new Random(seed)
    await using daemon = await SyslogDaemon.prepare(kind)
    const data = mkdtempSync(path.join(tmpdir(), 'mortise-killed-'))
    t.after(() => rmSync(data, { recursive: true, force: true }))
    const { env } = daemon
    for (let round = 0; round < 4; round++) {
      const server = await startServer({ data, env })
      await daemon.start()
      for (let act = 0; act < 4; act++) {
        await server.json('key', 'create')
        // Moments of no event: wherever it is then, it is cut off.
        await sleep(random.below(1_500))
        if (random.below(2) === 0) continue
        if (random.below(2) === 0) {
          daemon.pause()
          await sleep(random.below(1_500))
        }
        await daemon.end('SIGKILL')
        await server.json('key', 'create')
        await daemon.start()
      }
      if (round % 2 === 0) await server.kill()
      else await server.stop()
      await daemon.end('SIGKILL')
    }
    await daemon.start()
    await using server = await startServer({ data, env })
    const told = (await server.json('siem', 'test')) as { readonly ok: boolean }
    assert.equal(told.ok, true, `${daemon.said()}\n${server.stderr()}`)
    await daemon.end('SIGTERM')
    const log = path.join(daemon.place.folder, 'export.jsonl')
    await server.json('audit', 'export', log)
    t.diagnostic(JSON.stringify(await judge(daemon.place.output, log)))
  })
