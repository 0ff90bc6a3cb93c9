// One worker as the server sees it: a child process that serves, reports, and ends. What it was given is closed with it.

import { fork, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Wire } from '../../doors/kmip/contract.ts'
import { workerReportMs } from './bounds.ts'
import { scriptFile } from '../../base/program-files.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { FromWorker, ToWorker, WorkerReports, WorkerStart } from './worker-messages.ts'

const script = scriptFile('program/workers/kmip-worker')

export interface WorkerProcessOptions {
  readonly start: WorkerStart
  readonly clock: Pick<Clock, 'monotonic'>
  readonly onServing: () => void
  readonly onReport: (message: FromWorker & { readonly type: 'pending' | 'unserved' }) => void
  /** Once. `reason`: for people. */
  readonly onEnded: (reason: string) => void
}

interface Given {
  /** The group of its client, for even shares. */
  readonly subnet: string
  /** undefined: the worker has it. */
  socket: Socket | undefined
}

export class WorkerProcess {
  readonly number: number
  readonly startedMs: number
  /** Why it could not start. */
  failure: { readonly message: string; readonly hint: string | undefined } | undefined
  isServing = false
  heardMs: number
  readonly ended: Promise<void>
  readonly #options: WorkerProcessOptions
  readonly #child: ChildProcess
  readonly #handedOver = new Map<number, Given>()
  readonly #bySubnet = new Map<string, number>()
  readonly #questions = new Map<number, (report: WorkerReports[keyof WorkerReports]) => void>()
  #waiting = 0
  #lastId = 0
  #killed: string | undefined

  constructor(options: WorkerProcessOptions) {
    const { start, clock } = options
    this.#options = options
    this.number = start.number
    this.startedMs = clock.monotonic()
    this.heardMs = this.startedMs
    // The channel takes maps and bytes as they are. Standard output is the server's alone.
    this.#child = fork(script, [String(start.number)], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const ended = Promise.withResolvers<void>()
    this.ended = ended.promise
    const end = (reason: string): void => {
      this.#left()
      ended.resolve()
      options.onEnded(this.#killed ?? reason)
    }
    this.#child.once('error', (error) => {
      if (this.#child.pid === undefined) end(`it cannot be started: ${error.message}`)
    })
    this.#child.once('exit', (code, signal) => end(signal ?? `exit code ${code}`))
    this.#child.on('message', (message: FromWorker) => this.#hear(message))
    this.send(start)
  }

  get connections(): number {
    return this.#handedOver.size
  }

  connectionsOf(subnet: string): number {
    return this.#bySubnet.get(subnet) ?? 0
  }

  /** Connections that this process still has, since the worker takes none. */
  get waiting(): number {
    return this.#waiting
  }

  send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  give(socket: Socket, subnet: string, wire: Wire): void {
    const id = ++this.#lastId
    const connection: Given = { subnet, socket }
    this.#handedOver.set(id, connection)
    this.#bySubnet.set(subnet, this.connectionsOf(subnet) + 1)
    this.#waiting += 1
    const message: ToWorker = { type: 'connection', id, wire }
    this.#child.send(message, socket, {}, (error) => {
      this.#waiting -= 1
      connection.socket = undefined
      if (!error) return
      socket.destroy()
      this.#forget(id)
    })
  }

  /** undefined: it did not answer in time. */
  async report<What extends keyof WorkerReports>(what: What): Promise<WorkerReports[What] | undefined> {
    const id = ++this.#lastId
    const answer = Promise.withResolvers<WorkerReports[keyof WorkerReports]>()
    this.#questions.set(id, answer.resolve)
    this.send({ type: 'report?', id, what })
    const patience = new AbortController()
    const { signal } = patience
    const enough = sleep(workerReportMs, undefined, { signal, ref: false }).catch(() => undefined)
    try {
      const report = await Promise.race([answer.promise, this.ended, enough])
      return (report ?? undefined) as WorkerReports[What] | undefined
    } finally {
      patience.abort()
      this.#questions.delete(id)
    }
  }

  kill(reason: string): void {
    this.#killed = reason
    this.#child.kill('SIGKILL')
  }

  #hear(message: FromWorker): void {
    this.heardMs = this.#options.clock.monotonic()
    switch (message.type) {
      case 'serving':
        this.isServing = true
        return this.#options.onServing()
      case 'failed':
        this.failure = message
        return
      case 'closed':
        return this.#forget(message.id)
      case 'report':
        return this.#questions.get(message.id)?.(message.report)
      case 'pending':
      case 'unserved':
        return this.#options.onReport(message)
      case 'sign':
        return
      default:
        return message satisfies never
    }
  }

  #forget(id: number): void {
    const connection = this.#handedOver.get(id)
    if (!connection) return
    this.#handedOver.delete(id)
    const left = this.connectionsOf(connection.subnet) - 1
    if (left > 0) this.#bySubnet.set(connection.subnet, left)
    else this.#bySubnet.delete(connection.subnet)
  }

  /** Connections that were still on their way to it. */
  #left(): void {
    this.isServing = false
    for (const { socket } of this.#handedOver.values()) socket?.destroy()
    this.#handedOver.clear()
    this.#bySubnet.clear()
  }
}
