// The process of a worker: it obeys the server that started it, and ends with it. Signals that reach the whole group of processes
// (a terminal's interrupt, a service manager's SIGTERM) are the server's to handle. What a worker does is in worker.ts.

import type { Socket } from 'node:net'
import { workerSignMs } from './bounds.ts'
import { createLog } from '../../outside/telemetry/log.ts'
import type { LevelledLog } from '../../core/ports/log.ts'
import { endInTime, watchForBugs } from './process.ts'
import type { FromWorker, ToWorker, WorkerStart } from './worker-messages.ts'
import { runWorker, type RunningWorker } from './worker.ts'

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)

let running: Promise<RunningWorker> | undefined
let log: LevelledLog | undefined
let ending = false

process.on('message', (message: ToWorker, socket?: Socket) => {
  if (message.type === 'stop') return void end()
  if (message.type === 'start') return begin(message)
  if (ending || !running) return void socket?.destroy()
  running
    .then(async (worker) => worker.receive(message, socket))
    .catch((error: unknown) => log?.error({ error, what: message.type }, 'a worker could not do as told'))
})

process.once('disconnect', () => {
  if (!ending) log?.error({}, 'the server has gone, so this worker ends')
  void end()
})

function begin(start: WorkerStart): void {
  const { format, level } = start.log
  log = createLog({ format, level, base: { worker: start.number } })
  watchForBugs(log)
  running = runWorker({ start, log, send })
  void serving(running)
}

async function serving(worker: Promise<RunningWorker>): Promise<void> {
  try {
    await worker
    send({ type: 'serving' })
    setInterval(() => send({ type: 'sign' }), workerSignMs).unref()
  } catch (error) {
    log?.error({ error }, 'the worker did not start')
    process.exitCode = 1
    const failure: FromWorker = { type: 'failed', ...messageOf(error) }
    process.send?.(failure, undefined, {}, () => process.exit())
  }
}

function send(message: FromWorker): void {
  // The server may have gone: 'disconnect' follows.
  if (process.connected) process.send?.(message, undefined, {}, () => undefined)
}

function messageOf(error: unknown): { readonly message: string; readonly hint: string | undefined } {
  if (!(error instanceof Error)) return { message: String(error), hint: undefined }
  return {
    message: error.message,
    hint: 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined,
  }
}

/** Answers what has arrived. Once. */
async function end(): Promise<void> {
  if (ending) return
  ending = true
  if (log) endInTime(log)
  try {
    const worker = await running?.catch(() => undefined)
    await worker?.close()
  } catch (error) {
    log?.error({ error }, 'the worker could not be closed')
    process.exitCode = 1
  }
  process.exit()
}
