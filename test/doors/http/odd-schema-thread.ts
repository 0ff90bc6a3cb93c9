// The thread for long bodies, for tests: a body that has `end the thread` in it ends it, and one that has `hold the thread` is never
// answered. It does all other work as the real one.

import { parentPort } from 'node:worker_threads'
import type { ToSchemaThread } from '../../../src/doors/http/schema-messages.ts'

parentPort?.on('message', (job: ToSchemaThread) => {
  if (job.type !== 'body') return
  const text = Buffer.from(job.bytes).toString()
  if (text.includes('end the thread')) process.exit(3)
  if (text.includes('hold the thread')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})
await import('../../../src/program/workers/schema-worker.ts')
