// The thread that writes the access log, on files that take bytes, take none, or hang.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, read, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { accessAppendBytes } from '../../../../src/outside/store/access/appender.ts'
import { startAppendThread } from '../../../../src/outside/store/access/appender.ts'
import { storeFolder } from '../../../support/store/store-place.ts'

test('bytes are appended in order, also more than the thread takes at once, and the file is cut off', async (t) => {
  const name = path.join(await storeFolder(t), 'file')
  const file = openSync(name, 'a+')
  const appender = startAppendThread(file)
  const large = Buffer.alloc(2 * accessAppendBytes + 1, 'large ')
  for (const bytes of [Buffer.from('one'), large, Buffer.from('three')]) await appender.append(bytes)
  assert.ok(readFileSync(name).equals(Buffer.concat([Buffer.from('one'), large, Buffer.from('three')])))
  await appender.truncate(3)
  await appender.append(Buffer.from(' more'))
  assert.equal(readFileSync(name, 'utf8'), 'one more')
  appender.close()
  closeSync(file)
})

test("the system's error is told, and the next request is served", async (t) => {
  const name = path.join(await storeFolder(t), 'file')
  closeSync(openSync(name, 'a+'))
  const file = openSync(name, 'r')
  const appender = startAppendThread(file)
  await assert.rejects(appender.append(Buffer.from('one')), { code: 'EBADF', message: /EBADF/ })
  await assert.rejects(appender.truncate(0), { code: 'EINVAL' })
  appender.close()
  closeSync(file)
})

test('while a write hangs, this thread goes on', async (t) => {
  const name = path.join(await storeFolder(t), 'pipe')
  execFileSync('mkfifo', [name])
  // A pipe that is full and that nobody reads.
  const pipe = openSync(name, constants.O_RDWR)
  const appender = startAppendThread(pipe)
  const bytes = Buffer.alloc(2 * 1024 * 1024, 'x')
  let isDone = false
  const written = appender.append(bytes).then(() => (isDone = true))
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isDone, false)
  const reads = promisify(read)
  for (let count = 0; count < bytes.length;)
    count += (await reads(pipe, Buffer.alloc(65_536), 0, 65_536, null)).bytesRead
  await written
  appender.close()
  closeSync(pipe)
})
