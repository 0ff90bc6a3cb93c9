// Power is lost at the worst moment for the anchor: what was just written into it has reached the disk, whole or torn,
// and of the database only what was synced. The next start must agree with it, at each write that a busy store made.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { layOut, PowerLoss } from './power-loss.ts'
import { skipOrFail } from '../../support/server/skip.ts'
import { anchorKey, openSqlite, storeFolder } from '../../support/store/store-place.ts'

const name = 'mortise.db.anchor'
const child = path.join(import.meta.dirname, '../../support/store/store-child.ts')

test('power lost at any write of the anchor raises no alarm', async (t) => {
  if (spawnSync('strace', ['-f', '-e', 'trace=fsync', 'true']).status !== 0)
    return skipOrFail(t, 'needs strace (Debian: apt-get install strace) and the right to trace')
  const folder = await storeFolder(t)
  const data = path.join(folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  const trace = path.join(folder, 'trace')
  const calls = 'trace=pwrite64,write,fsync,fdatasync,ftruncate'
  const run = spawnSync(
    'strace',
    ['-f', '-y', '-qq', '-xx', '-s', '1000000', '-e', calls, '-e', 'signal=none', '-o', trace].concat([
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      child,
      'mix',
      path.join(data, 'mortise.db'),
    ]),
    { encoding: 'utf8' },
  )
  assert.equal(run.status, 0, run.stdout + run.stderr)
  const power = new PowerLoss(readFileSync(trace, 'utf8'))
  const moments = power.momentsOf(name)
  assert.ok(moments.length > 40, `the anchor was written ${moments.length} times only`)
  // The first is the making of the file, which no start finds before it has its name.
  for (const [index, moment] of moments.entries()) {
    if (index === 0) continue
    const place = path.join(folder, `${index}`)
    layOut(place, {
      'mortise.db': power.synced('mortise.db', moment),
      'mortise.db-wal': power.synced('mortise.db-wal', moment),
    })
    const store = await openSqlite(t, path.join(place, 'mortise.db'))
    const lost = { whole: power.written(name, moment), torn: power.torn(name, moment, 77 + index) }
    for (const [what, anchor] of Object.entries(lost)) {
      writeFileSync(store.anchorFile, anchor)
      const verdict = await store.anchor(anchorKey, { needed: true, mode: 'look' })
      assert.equal(verdict.state, 'agrees', `write ${index}, ${what}: ${JSON.stringify(verdict)}`)
    }
    await store.close()
    rmSync(place, { recursive: true })
  }
})
