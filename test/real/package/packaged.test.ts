// Runs alone: it builds the program, and runs tests of whole servers from it.
//
// The program as it is published does what the sources do, also what it loads only when somebody needs it: receivers of traces,
// backups, identity providers, a SIEM, standard keys. `npm test -- --packaged system` runs all of them.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { root } from '../../support/repository/sources.ts'

const files = ['traces', 'backup', 'oidc', 'siem', 'token-recover', 'adopt-keyprotect', 'ibm-api-key']

test('whole servers and commands, from the program as it is published', { timeout: 600_000 }, async (t) => {
  const words = files.map((name) => `system/${name}.`)
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
  const command = ['test', '--', '--packaged', ...words]
  const run = promisify(execFile)('npm', command, { cwd: root, env, maxBuffer: 1 << 26 })
  // What failed stands there too.
  const { stdout } = await run.catch((error: { readonly stdout: string }) => error)
  const said = stdout.trim().split('\n').at(-1) ?? ''
  assert.match(said, /^\d\d+ passed, 0 failed/, stdout.slice(stdout.indexOf('== failures')))
  t.diagnostic(said)
})
