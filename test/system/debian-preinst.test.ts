// The Debian package looks before an upgrade whether a server has the data folder: by the lock that it holds, whatever became of the file of
// its program meanwhile, and no server of another folder counts. The whole upgrade is in test/real/package/debian.test.ts.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readlinkSync, rmSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { root } from '../support/repository/sources.ts'
import { startServer } from '../support/server/server.ts'
import { storeFolder } from '../support/store/store-place.ts'

/** What the script's own function says of a data folder. */
function runs(data: string): boolean {
  // Without the word `upgrade` the script only defines its functions.
  const script = '. "$0" && data=$1 && if runs; then echo yes; else echo no; fi'
  const file = path.join(root, 'packaging/debian/preinst')
  const { stdout, stderr } = spawnSync('sh', ['-c', script, file, data], { encoding: 'utf8' })
  assert.match(stdout, /^(yes|no)\n$/, stderr)
  return stdout === 'yes\n'
}

test('a server is found by the data folder that it has, also when the file of its program was replaced', async (t) => {
  const folder = await storeFolder(t)
  const [data, other] = [path.join(folder, 'data'), path.join(folder, 'other')]
  const program = path.join(folder, 'node')
  copyFileSync(process.execPath, program)
  const flags = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning']
  await using server = await startServer({
    data,
    command: [program, ...flags, path.join(root, 'src/program/main.ts')],
  })
  rmSync(program)
  assert.match(readlinkSync(`/proc/${server.process.pid}/exe`), /\(deleted\)$/)
  assert.equal(runs(data), true)
  {
    await using second = await startServer({ data: other })
    assert.equal(runs(other), true)
    await second.stop()
  }
  assert.ok(existsSync(path.join(other, 'mortise.db.lock')))
  assert.equal(runs(other), false, 'a server of another folder is not the one of this')
  await server.kill()
  assert.equal(runs(data), false)
})
