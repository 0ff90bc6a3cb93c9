// `mortise health`, which a container asks again and again: no token, and an exit code.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { runCli, startEmbedded } from '../support/server/server.ts'

test('it ends with 0 while the server can serve, also without a token, and with 1 when there is none', async (t) => {
  const data = mkdtempSync(path.join(tmpdir(), 'mortise-test-health-'))
  t.after(() => rmSync(data, { recursive: true, force: true }))
  const ask = (...more: string[]) => runCli(['health', '--data', data, ...more])
  assert.equal((await ask()).code, 1, 'nothing was ever started there')
  await using server = await startEmbedded({ data })
  rmSync(path.join(data, 'admin-token'))
  assert.deepEqual(await ask(), { code: 0, stdout: 'ready\n', stderr: '' })
  assert.deepEqual(JSON.parse((await ask('--json')).stdout), { ready: true, degradedInstances: 0 })
  await server.stop()
  const stopped = await ask()
  assert.equal(stopped.code, 1)
  assert.match(stopped.stderr, /ECONNREFUSED/)
})
