// `npm run demo` as a newcomer runs it: it ends well, in less than a minute, and leaves nothing behind.
//
// Runs alone: it measures time.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'

const root = path.resolve(import.meta.dirname, '../../..')

test('the demo tells its day', { timeout: 180_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-demo-test-'))
  try {
    const child = spawn(process.execPath, [path.join(root, 'scripts/demo.ts')], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A newcomer may have settings of his own; the demo's server must not see them.
      env: { ...process.env, TMPDIR: folder, MORTISE_DATA: path.join(folder, 'not-to-be-used') },
    })
    const begunMs = Date.now()
    const gone = once(child, 'close')
    const [told, complained] = await Promise.all([text(child.stdout), text(child.stderr)])
    await gone
    assert.equal(child.exitCode, 0, told + complained)
    assert.ok(Date.now() - begunMs < 60_000, 'less than a minute')
    for (const part of [
      /refused \(AuthenticationNotSuccessful\)/,
      /The provider is green/,
      /vm-01: key [0-9a-f-]{36}/,
      /3 hosts have fetched both/,
      /Every key is served again, and each is the one that it was/,
      /still served/,
      /The log is whole/,
      /8 keys;/,
      /Every answer was what vSphere needs/,
    ])
      assert.match(told, part)
    assert.deepEqual(readdirSync(folder), [])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
