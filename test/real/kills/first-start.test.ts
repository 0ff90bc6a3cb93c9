// Runs alone: the moments of the kills are those of a server that starts undisturbed.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openTalk } from '../../support/clients/kmip-talk.ts'
import { serveArguments, startEmbedded } from '../../support/server/server.ts'

test('killed at any moment of its first start, it starts the next time', { timeout: 600_000 }, async () => {
  for (const afterMs of [150, 350, 600, 900]) {
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
