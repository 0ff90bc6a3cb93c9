// A thread of the pool. It does one job after the other and overwrites its inputs. This file is the entry of a worker thread,
// which pool.ts starts, and of a process for one job, which pool-process.ts starts.

import { setPriority } from 'node:os'
import { serialize } from 'node:v8'
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

function serveOnce(): void {
  // The server ends this process. Signals that reach both, as from Ctrl+C, are for the server.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)
  process.once('disconnect', () => process.exit())
  process.once('message', (message: ToPoolThread) => {
    const said = answer(message)
    const bytes = serialize(said)
    wipeBytes(said)
    process.stdout.write(bytes, () => {
      bytes.fill(0)
      process.exit()
    })
  })
}

/** Gives way to the thread that serves TLS. On Linux, and only there, the call concerns this thread alone (setpriority(2)). */
function giveWay({ nice }: PoolThreadData): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(nice)
  } catch {
    // If the system forbids it, the threads share the processors evenly.
  }
}

if (parentPort) {
  giveWay(workerData as PoolThreadData)
  serve(parentPort)
} else if (process.send) {
  giveWay({ nice: Number(process.argv[2]) })
  serveOnce()
}
