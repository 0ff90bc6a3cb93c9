// bin/mortise.js where Node.js cannot replace one process by another: it stands in front of the server.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { storeFolder } from '../support/store/store-place.ts'

const wrapper = path.join(import.meta.dirname, '../../bin/mortise.js')
const withoutExecve = 'data:text/javascript,process.execve=undefined'

for (const signal of ['SIGKILL', 'SIGTERM'] as const)
  test(`the server ends with its wrapper: ${signal}`, { timeout: 60_000 }, async (t) => {
    const data = path.join(await storeFolder(t), 'data')
    const where = ['--data', data, '--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0']
    const args = ['--import', withoutExecve, wrapper, 'serve', ...where, '--json']
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    t.after(() => child.kill('SIGKILL'))
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    assert.match(line, /"kmip":"127\.0\.0\.1:\d+"/)
    // The server holds this pipe too: it closes when both have ended.
    const closed = once(child, 'close')
    child.kill(signal)
    const [code, by] = (await closed) as [number | null, NodeJS.Signals | null]
    assert.deepEqual([code, by], signal === 'SIGKILL' ? [null, 'SIGKILL'] : [0, null])
  })
