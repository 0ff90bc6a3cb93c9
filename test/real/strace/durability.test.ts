// What is durable when (design: invariant 1), seen from outside the process: the system calls that make the
// write-ahead log durable, between the answers to commits.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { skipOrFail } from '../../support/skip.ts'
import { storeFolder } from '../../support/store-place.ts'

const child = path.join(import.meta.dirname, '../../support/store-child.ts')

test('a change is on the disk before it is answered, an access record soon after', async (t) => {
  if (spawnSync('strace', ['-f', '-e', 'trace=fsync', 'true']).status !== 0)
    return skipOrFail(t, 'needs strace (Debian: apt-get install strace) and the right to trace')
  const folder = await storeFolder(t)
  const trace = path.join(folder, 'trace')
  const run = spawnSync(
    'strace',
    ['-f', '-y', '-qq', '-e', 'trace=fsync,fdatasync,write', '-e', 'signal=none', '-o', trace].concat([
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      child,
      'sync',
      path.join(folder, 'mortise.db'),
    ]),
    { encoding: 'utf8' },
  )
  assert.equal(run.status, 0, run.stderr)
  const steps = syncsBetweenMarks(readFileSync(trace, 'utf8'))
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
