// The process of a module as the server sees it, where it cannot be started. test/real/softhsm/ has the rest, with a module.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const source = pathToFileURL(
  path.join(import.meta.dirname, '../../../../src/outside/rootkey/pkcs11/helper-process.ts'),
)

/** Opens files until there are no more, and then asks a new process. */
const script = `
import { openSync } from 'node:fs'
const { HelperProcess } = await import(${JSON.stringify(source.href)})
try { for (;;) openSync('/dev/null') } catch {}
const helper = new HelperProcess({ after: () => ({ cancel() {} }) }, () => {})
const { reach, message } = await helper.call('list', null).catch((error) => error)
console.log(JSON.stringify({ reach, message }))
`

test('where the server has no file descriptor left for it, that is an outage', async () => {
  const node = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    '--input-type=module',
    '-e',
    script,
  ]
  const { stdout } = await run('sh', ['-c', 'ulimit -n 64; exec "$@"', 'sh', ...node])
  const { reach, message } = JSON.parse(stdout) as { readonly reach: string; readonly message: string }
  assert.equal(reach, 'unreachable', message)
  assert.match(message, /it cannot be started: .*EMFILE/)
})
