// A thread of the pool: does one job after the other, each whole, and overwrites what it was given. This is the entry of a
// worker thread; pool.ts is the other side.

import { setPriority } from 'node:os'
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { CryptoError } from './error.ts'
import { runJob } from './jobs.ts'
import { ownBytes, wipeBytes } from './own-bytes.ts'
import type { FromPoolThread, PoolThreadData, ToPoolThread } from './pool-messages.ts'

function answer({ name, input }: ToPoolThread): FromPoolThread {
  try {
    return { type: 'done', output: runJob(name, input) }
  } catch (error) {
    if (error instanceof CryptoError) return { type: 'refused', kind: error.kind, message: error.message }
    return { type: 'bug', message: error instanceof Error ? error.message : String(error) }
  } finally {
    wipeBytes(input)
  }
}

function serve(port: MessagePort): void {
  port.on('message', (message: ToPoolThread) => {
    const said = answer(message)
    const { value, transfer } = ownBytes(said)
    wipeBytes(said)
    port.postMessage(value, transfer)
  })
}

/**
 * The thread that serves TLS goes first. On Linux, and only there, the call concerns this thread alone (setpriority(2)).
 */
function giveWay({ nice }: PoolThreadData): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(nice)
  } catch {
    // A system that forbids it shares the processors evenly.
  }
}

if (parentPort) {
  giveWay(workerData as PoolThreadData)
  serve(parentPort)
}
