// Runs alone: it starts and kills the server many times, and should meet it under its own load, not the other tests'.
//
// kill -9 of the real server, some times under load and in its first moments. `npm run test:real -- kills` does it more
// often, `npm run soak` a thousand times. What is checked after each start stands in support/killing.ts.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { killUnderLoad } from '../support/killing.ts'
import { openTalk } from '../support/kmip-talk.ts'
import { serveArguments, startEmbedded } from '../support/server.ts'

test(
  'killed three times under load, it loses nothing that it acknowledged',
  { timeout: 600_000 },
  async (t) => {
    const done = await killUnderLoad({ kills: 3, clients: 6, seed: Date.now() % 2 ** 31 })
    t.diagnostic(JSON.stringify(done))
    assert.ok(done.created > 10 && done.fetched > 10 && done.changed > 10, 'there was hardly any load')
    assert.ok(done.unanswered > 0, 'no client noticed a kill')
  },
)

test('killed at any moment of its first start, it starts the next time', { timeout: 600_000 }, async () => {
  for (const afterMs of [150, 600]) {
    const data = mkdtempSync(path.join(tmpdir(), 'mortise-first-start-'))
    const [program, ...args] = serveArguments(data)
    const child = spawn(program, args, { stdio: 'ignore' })
    const gone = once(child, 'exit')
    await sleep(afterMs)
    child.kill('SIGKILL')
    await gone
    await using server = await startEmbedded({ data })
    const client = await server.issue('first')
    const talk = await openTalk({ ...server.kmip, tls: client.tls })
    const identifier = await talk.create()
    assert.ok((await talk.get(identifier)).ok, `killed after ${afterMs} ms`)
    talk.close()
    await server.stop()
    rmSync(data, { recursive: true, force: true })
  }
})
