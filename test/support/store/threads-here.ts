// The store without threads of its own: its writer (writer-here.ts) and what appends to the access log run on the thread of the test.
// The thread of the access log is tested in test/outside/store/access/, and with every server that is a process of its own.

import { ftruncateSync, writeSync } from 'node:fs'
import type { StartAppender } from '../../../src/outside/store/access/appender.ts'
import type { StoreThreads } from '../../../src/outside/store/threads.ts'
import { writerHere } from './writer-here.ts'

export const appenderHere: StartAppender = (file) => ({
  async append(bytes) {
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
  },
  async truncate(length) {
    ftruncateSync(file, length)
  },
  close: () => undefined,
})

export const threadsHere: StoreThreads = { startWriter: writerHere, startAppender: appenderHere }
