// The command that copies a backup elsewhere: whatever it does, the server learns in time how it ended.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runAfter } from '../../../src/features/backup/backup-after.ts'

const never = new AbortController().signal
const shell = (script: string, timeoutMs?: number, signal = never) =>
  runAfter(['/bin/sh', '-c', script], '/backups/one.backup', signal, timeoutMs)

test('a command that prints megabytes goes on, and only the end of what it says is told', async () => {
  const flood = 'head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2'
  assert.equal(await shell(flood), null)
  const told = (await shell(`${flood}; echo "no such remote" >&2; exit 7`)) ?? ''
  assert.match(told, /^\/bin\/sh: it ended with 7: .*no such remote$/s)
  assert.ok(told.length < 600)
})

test('the file is its last argument', async () => {
  assert.match((await shell('echo "$0" >&2; exit 1')) ?? '', /it ended with 1: \/backups\/one\.backup$/)
})

test('a command that does not end is ended, also one that ignores SIGTERM, or left a process behind', async () => {
  assert.match((await shell("trap '' TERM; while :; do :; done", 50)) ?? '', /it did not end in time$/)
  assert.match((await shell('sleep 30', 50)) ?? '', /it did not end in time$/)
  assert.equal(await shell('sleep 5 &'), null)
})

test('a command that is not there or may not run is named as such', async () => {
  assert.equal(await runAfter(['/nowhere/copy'], 'x', never), '/nowhere/copy: there is no such program')
  assert.match((await runAfter(['/etc/passwd'], 'x', never)) ?? '', /it is not executable/)
})

test('the end of the server ends it', async () => {
  assert.match((await shell('sleep 30', undefined, AbortSignal.timeout(20))) ?? '', /the server ends$/)
  assert.match((await shell('sleep 30', undefined, AbortSignal.abort())) ?? '', /the server ends$/)
})
