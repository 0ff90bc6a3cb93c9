// The change-over with a thousand keys from another vendor's server, PyKMIP as Debian ships it, which stalls for half a minute
// in the middle of the adoption, as it does by itself without the repair in bench/pykmip-server.py.

import assert from 'node:assert/strict'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { makeFolder, startPykmip } from '../../../bench/servers.ts'
import { changeOver } from '../../support/clients/change-over.ts'
import { startServer } from '../../support/server/server.ts'
import { skipOrFail } from '../../support/server/skip.ts'

test(
  "a thousand keys change over from PyKMIP's server, one of its stalls included",
  { timeout: 1_800_000 },
  async (t) => {
    using folder = await makeFolder()
    const old = await startPykmip(folder)
    if (!old) return skipOrFail(t, "needs Debian's python3-pykmip: apt-get install python3-pykmip")
    let isStopped = false
    const stop = async () => {
      if (!isStopped) old[Symbol.dispose]()
      isStopped = true
    }
    t.after(stop)
    await using mine = await startServer()
    await mine.trust('vcenter', readFileSync(folder.cert, 'utf8'))
    const [host = '', port] = old.address.split(':')
    const ca = path.join(folder.path, 'ca.pem')
    const vcenter = { cert: folder.cert, key: folder.key }
    const side = {
      address: { host, port: Number(port) },
      trust: { by: 'authority', pem: readFileSync(ca) },
      recognize: ['ca', ca],
      ...vcenter,
      stop,
    } as const
    const onAdopt = () => {
      // The server looks for it with each request.
      const stall = path.join(folder.path, 'stall')
      writeFileSync(`${stall}.new`, '30')
      renameSync(`${stall}.new`, stall)
    }
    const vms = 480
    const numbers = await changeOver({ old: side, mine, vcenter, vms, onAdopt })
    t.diagnostic(JSON.stringify(numbers))
    const { failedTasks, violations, missing, changed } = numbers
    assert.deepEqual([failedTasks, violations, missing, changed], [0, 0, 0, 0])
    assert.ok(numbers.old >= vms * 2, `${numbers.old} keys`)
    assert.ok(numbers.seconds.adopt >= 25, 'the stall was part of it')
  },
)
