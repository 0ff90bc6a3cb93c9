// A writer's thread that opens and then dies at its first job, in the way that its data's file name tells.

import { parentPort, workerData } from 'node:worker_threads'
import type { WriterData } from '../../../../src/outside/store/sqlite/writer-messages.ts'

const { file } = workerData as WriterData
parentPort?.on('message', () => {
  if (file === 'exit') process.exit(3)
  throw new Error('the writer met a bug')
})
parentPort?.postMessage({ type: 'open', health: { writable: true, reason: null } }, [])
