// A backup folder that does not answer, as on a network disk that is gone, holds up neither readiness nor anything else that reads
// files. A named pipe stands in for such a disk: whoever opens it to read waits in the system until somebody writes.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { command } from '../support/server/command.ts'
import { startInProcess } from '../support/server/running.ts'
import { backupRoutes } from '../../src/features/backup/routes.ts'
import { statusRoutes } from '../../src/features/status/routes.ts'

/** More than the threads that read files. */
const polls = 12
const boundMs = 30_000

async function inTime<T>(what: string, work: Promise<T>): Promise<T> {
  const waiting = new AbortController()
  const late = sleep(boundMs, undefined, { signal: waiting.signal }).then(() =>
    assert.fail(`${what} took more than ${boundMs} ms`),
  )
  try {
    return await Promise.race([work, late])
  } finally {
    waiting.abort()
    await late.catch(() => undefined)
  }
}

test('while the backup folder does not answer, the server is ready, says so, and reads files', async () => {
  await using server = await startInProcess()
  const { admin, data } = server
  const made = await admin.call(backupRoutes.createBackup, { body: { recipients: [] } })
  const name = readdirSync(path.join(data, 'backups')).find((one) => one.startsWith('state-'))
  const state = path.join(data, 'backups', name ?? assert.fail('no state'))
  rmSync(state, { force: true })
  execFileSync('mkfifo', [state])
  try {
    for (let round = 0; round < 2; round++) {
      const asked = Array.from({ length: polls }, () => admin.call(statusRoutes.ready))
      for (const { ready, conditions } of await inTime('readiness', Promise.all(asked))) {
        assert.equal(ready, true)
        assert.ok(conditions.critical >= 1)
      }
    }
    assert.match(await inTime('metrics', admin.call(statusRoutes.metrics)), /backup-folder-silent"[^\n]* 1\n/)
    assert.ok((await inTime('a file', readFile(path.join(data, 'admin-ca.pem')))).length > 0)
    const { backups, conditions } = await inTime('status', admin.call(statusRoutes.status))
    assert.equal(backups?.last?.id, made.id, 'what was known last')
    assert.ok(conditions.some(({ id }) => id === 'backup-folder-silent'))
    for (const words of [
      ['backup', 'create'],
      ['backup', 'list'],
    ]) {
      const { code, stderr } = await inTime(words.join(' '), command(words, { data }))
      assert.equal(code, 1)
      assert.match(stderr, /the backup folder .* does not answer/)
    }
  } finally {
    // A reader that waits gets the end of the file.
    const away = `${state}.away`
    renameSync(state, away)
    closeSync(openSync(away, constants.O_WRONLY | constants.O_NONBLOCK))
  }
  for (let turn = 0; turn < 600; turn++) {
    const { conditions } = await admin.call(statusRoutes.status)
    if (!conditions.some(({ id }) => id === 'backup-folder-silent')) break
    await sleep(20)
  }
  assert.equal((await admin.call(backupRoutes.listBackups)).backups[0]?.id, made.id)
})
