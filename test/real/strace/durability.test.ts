// What is durable when (design: invariant 1), seen from outside the process: the system calls that make the
// write-ahead log durable, between the answers to commits.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { applicationId, migrations } from '../../../src/outside/store/sqlite/migrations.ts'
import { skipOrFail } from '../../support/server/skip.ts'
import { storeFolder } from '../../support/store/store-place.ts'

const child = path.join(import.meta.dirname, '../../support/store/store-child.ts')

test('a change is on the disk before it is answered, an access record soon after', async (t) => {
  const folder = await storeFolder(t)
  const trace = tracedChild(t, folder, ['sync', path.join(folder, 'mortise.db')], 'fsync,fdatasync,write')
  if (trace === undefined) return
  const steps = syncsBetweenMarks(trace)
  const of = (mark: string) => steps.filter((step) => step.mark === mark).map(({ syncs }) => syncs)
  assert.equal(of('disk').length, 20)
  assert.ok(
    of('disk').every((syncs) => syncs >= 1),
    `syncs before the answer to each change: ${of('disk').join(' ')}`,
  )
  assert.equal(of('process').length, 100)
  const waited = of('process').filter((syncs) => syncs === 0).length
  assert.ok(waited >= 50, `of 100 access records only ${waited} were answered without waiting for the disk`)
  assert.ok((of('waited')[0] ?? 0) >= 1, 'the last access record did not reach the disk in time')
  const [conflict = 0] = of('conflict')
  assert.ok(conflict + (of('last')[0] ?? 0) >= 1, 'nor did one before a change that met a conflict')
})

test('the copy of the database as it was is on the disk, under its name, before a newer version changes anything', async (t) => {
  const folder = await storeFolder(t)
  const file = path.join(folder, 'mortise.db')
  const version = migrations.length - 1
  const database = new DatabaseSync(file)
  database.exec(
    `PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}; ${migrations.slice(0, version).join(';')}`,
  )
  database.close()
  const trace = tracedChild(t, folder, ['open', file], 'fsync,fdatasync,/rename')
  if (trace === undefined) return
  const lines = trace.split('\n')
  const named = lines.findIndex((line) => /\brename.*schema-\d+"\S* = 0/.test(line))
  const changed = lines.findIndex((line, at) => at > named && /sync\(\d+<[^>]*-wal>/.test(line))
  assert.ok(named >= 0 && changed > named, trace)
  const synced = lines
    .slice(named, changed)
    .some((line) => line.includes(`fsync(`) && line.includes(`<${folder}>`))
  assert.ok(synced, lines.slice(named, changed + 1).join('\n'))
})

/** The calls of a store's child, which ends well; undefined: they cannot be traced here. */
function tracedChild(
  t: TestContext,
  folder: string,
  args: readonly string[],
  calls: string,
): string | undefined {
  if (spawnSync('strace', ['-f', '-e', 'trace=fsync', 'true']).status !== 0) {
    skipOrFail(t, 'needs strace (Debian: apt-get install strace) and the right to trace')
    return undefined
  }
  const trace = path.join(folder, 'trace')
  const options = ['-f', '-y', '-qq', '-e', `trace=${calls}`, '-e', 'signal=none', '-o', trace]
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', child, ...args]
  const run = spawnSync('strace', [...options, ...command], { encoding: 'utf8' })
  assert.equal(run.status, 0, run.stderr)
  return readFileSync(trace, 'utf8')
}

/** How often the log was made durable before each mark that the child printed, since the mark before. */
function syncsBetweenMarks(trace: string): { mark: string; syncs: number }[] {
  const steps: { mark: string; syncs: number }[] = []
  let syncs = 0
  // A call that another thread interrupts is printed in two lines; it counts when it has returned.
  const unfinished = new Set<string>()
  for (const line of trace.split('\n')) {
    const thread = line.split(/\s/, 1)[0] ?? ''
    const call = /\b(?:fsync|fdatasync)\(\d+<[^>]*-wal>(.*)/.exec(line)
    if (call?.[1]?.includes('<unfinished')) unfinished.add(thread)
    else if (call?.[1]?.includes('= 0')) syncs += 1
    else if (/<\.\.\. (?:fsync|fdatasync) resumed>.*= 0/.test(line) && unfinished.delete(thread)) syncs += 1
    const mark = /\bwrite\(1<.*"mark (\w+)/.exec(line)?.[1]
    if (mark === undefined) continue
    steps.push({ mark, syncs })
    syncs = 0
  }
  return steps
}
