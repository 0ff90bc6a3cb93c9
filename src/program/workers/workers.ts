// The processes that serve KMIP where `server.workers` is above 1. This process accepts the connections and hands each one to the worker
// with the fewest of its subnet, so that bounds per subnet hold for the node as a whole. It starts workers, replaces those
// that end or fall silent, and asks them what they know. docs/decisions/workers.md has the reasons.

import { createServer, isIPv6, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkerFacts } from '../../core/server/readiness-facts.ts'
import type { AllConfig } from '../features.ts'
import { plainAddress, subnetOf } from '../../base/address.ts'
import { bind, boundAddress } from '../../doors/kmip/bind.ts'
import type { KmipListener, ListenAddress, ListeningAddress, Wire } from '../../doors/kmip/contract.ts'
import { Notices } from '../../core/server/notices.ts'
import { acceptBacklog, workerEndsWithinMs } from '../../base/bounds.ts'
import { workerReportMs, workerSignMs, workerStopMs } from './bounds.ts'
import type { Clock, Timer } from '../../core/ports/clock.ts'
import { endedCounters, type MetricsReport } from '../../outside/telemetry/aggregate.ts'
import { messageFirst, type Log } from '../../core/ports/log.ts'
import { StartError } from '../../host/first-start.ts'
import type { LogStyle, WorkerState } from './worker-messages.ts'
import { WorkerProcess, type WorkerProcessOptions } from './worker-process.ts'

/** How long the server waits at its start for workers that do not serve yet, once one does. */
const workerStartMs = 20_000
/** A worker gets no connection after a short silence, and is replaced after a long one. */
const workerQuietMs = 3_000
const workerSilentMs = 30_000
/** The pause before a worker that ended is replaced; twice as long each time, unless it ran for a while. */
const workerAgainMs = 200
const workerAgainMsMax = 10_000
const workerSettledMs = 60_000

export interface WorkersOptions {
  readonly count: number
  readonly config: AllConfig
  readonly version: string
  readonly logStyle: LogStyle
  readonly log: Log
  readonly clock: Clock
  /** The most connections that wait in this process while no worker takes them. */
  readonly waitingMax: number
  readonly onReport: WorkerProcessOptions['onReport']
  /** Called when a worker ended that should not. */
  readonly onEnded: () => void
}

export class Workers implements KmipListener {
  readonly #options: WorkersOptions
  readonly #notices: Notices
  readonly #net: Server
  /** Listens only where HTTPS has an address. */
  readonly #httpsNet: Server
  readonly #workers = new Map<number, WorkerProcess>()
  readonly #waiting = new Set<Timer>()
  /** When workers ended without an order of the server, in monotonic milliseconds. */
  readonly #endsMs: number[] = []
  /** How often in a row the worker of this number ended soon after its start. */
  readonly #fails = new Map<number, number>()
  readonly #lastMetrics = new Map<WorkerProcess, MetricsReport>()
  #past: Promise<MetricsReport> = Promise.resolve([])
  #config: AllConfig
  #lastEnd: string | null = null
  #turn = 0
  #lookedMs: number
  #looking: Timer | undefined
  #states: { readonly atMs: number; readonly states: Promise<readonly WorkerState[]> } | undefined
  #closing: Promise<void> | undefined

  private constructor(options: WorkersOptions) {
    this.#options = options
    this.#notices = new Notices(messageFirst(options.log), () => options.clock.monotonic())
    this.#config = options.config
    this.#lookedMs = options.clock.monotonic()
    // Nothing is read here: the worker must get every byte.
    const accepting = (wire: Wire) =>
      createServer({ pauseOnConnect: true }).on('connection', (socket) => this.#accept(socket, wire))
    this.#net = accepting('ttlv')
    this.#httpsNet = accepting('https')
  }

  /** Resolves once all workers serve, or some do and enough time has passed. Rejects if none can. */
  static async start(options: WorkersOptions): Promise<Workers> {
    const workers = new Workers(options)
    try {
      await workers.#open()
      await workers.#begin()
      return workers
    } catch (error) {
      await workers.close()
      throw error
    }
  }

  get address(): string {
    return boundAddress(this.#net).address
  }

  get port(): number {
    return boundAddress(this.#net).port
  }

  get https(): ListeningAddress | undefined {
    return this.#httpsNet.listening ? boundAddress(this.#httpsNet) : undefined
  }

  get facts(): WorkerFacts {
    const sinceMs = this.#options.clock.monotonic() - workerEndsWithinMs
    while ((this.#endsMs[0] ?? Infinity) < sinceMs) this.#endsMs.shift()
    const serving = this.#serving().length
    return {
      intended: this.#options.count,
      serving,
      endedLately: this.#endsMs.length,
      lastEnd: this.#lastEnd,
    }
  }

  /** Asks the workers what they know; those that do not answer are left out. One round of questions at a time. */
  states(): Promise<readonly WorkerState[]> {
    const nowMs = this.#options.clock.monotonic()
    if (this.#states && nowMs - this.#states.atMs < workerReportMs) return this.#states.states
    const answers = this.#serving().map(async (worker) => worker.report('state'))
    const states = Promise.all(answers).then((all) => all.filter((one) => one !== undefined))
    this.#states = { atMs: nowMs, states }
    return states
  }

  /** The metrics of the workers. The last report has the counters of those that ended. */
  async metrics(): Promise<readonly MetricsReport[]> {
    const reports = await Promise.all(
      this.#serving().map(async (worker) => {
        const report = await worker.report('metrics')
        if (report && this.#workers.get(worker.number) === worker) this.#lastMetrics.set(worker, report)
        return report ?? this.#lastMetrics.get(worker) ?? []
      }),
    )
    return [...reports, await this.#past]
  }

  setServerCertificate(): void {
    this.#tell({ type: 'certificates' })
  }

  setConfig(config: AllConfig): void {
    this.#config = config
    this.#tell({ type: 'config', config })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  // ------------------------------------------------------------ connections

  async #open(): Promise<void> {
    const { config } = this.#options
    const open = async (net: Server, address: ListenAddress) => {
      await bind(net, address, acceptBacklog)
      // Mostly no file descriptors are left. The next connection is accepted when there are some.
      net.on('error', (error) =>
        this.#notices.warn('accept', 'a connection could not be accepted', { error }),
      )
    }
    await open(this.#net, config.kmip.listen)
    if (config.kmip.https !== null) await open(this.#httpsNet, config.kmip.https)
  }

  #accept(socket: Socket, wire: Wire): void {
    socket.on('error', () => {
      // 'close' follows.
    })
    const { remoteAddress } = socket
    const nowMs = this.#options.clock.monotonic()
    // Among equals each has its turn.
    const all = this.#serving()
    const from = this.#turn++ % Math.max(1, all.length)
    const serving = [...all.slice(from), ...all.slice(0, from)]
    const heard = serving.filter(({ heardMs }) => nowMs - heardMs < workerQuietMs)
    const subnet = remoteAddress === undefined ? '' : subnetOf(plainAddress(remoteAddress))
    const [first] = (heard.length > 0 ? heard : serving).toSorted(
      (one, other) =>
        one.connectionsOf(subnet) - other.connectionsOf(subnet) || one.connections - other.connections,
    )
    if (!first || remoteAddress === undefined || this.#closing) return void socket.destroy()
    if (all.reduce((sum, { waiting }) => sum + waiting, 0) >= this.#options.waitingMax) {
      this.#notices.warn('no worker', 'no worker takes connections', { address: remoteAddress })
      return void socket.destroy()
    }
    first.give(socket, subnet, wire)
  }

  // ------------------------------------------------------------ processes

  async #begin(): Promise<void> {
    const { count, clock } = this.#options
    for (let number = 1; number <= count; number++) this.#spawn(number)
    this.#looking = clock.every(workerSignMs, () => this.#look())
    const enough = clock.monotonic() + workerStartMs
    for (;;) {
      const serving = this.#serving().length
      if (serving === count || (serving > 0 && clock.monotonic() > enough)) return
      const failed = [...this.#workers.values()].find(({ failure }) => failure)?.failure
      if (failed && serving === 0 && clock.monotonic() > enough)
        throw Object.assign(new StartError(`no worker serves: ${failed.message}`), { hint: failed.hint })
      if (clock.monotonic() > enough + workerStartMs)
        throw new StartError('no worker serves: the log says why')
      await sleep(20)
    }
  }

  #spawn(number: number): void {
    if (this.#closing) return
    const { count, version, logStyle, clock, onReport, log } = this.#options
    const worker = new WorkerProcess({
      start: {
        type: 'start',
        number,
        count,
        config: this.#config,
        version,
        log: { ...logStyle, level: this.#config.log.level },
      },
      clock,
      onReport,
      onServing: () => log.info({ worker: number }, 'a worker serves'),
      onEnded: (reason) => this.#ended(worker, reason),
    })
    this.#workers.set(number, worker)
  }

  #ended(worker: WorkerProcess, reason: string): void {
    const { log, clock, onEnded } = this.#options
    this.#keepMetrics(worker)
    if (this.#closing) return
    const { number, failure } = worker
    const nowMs = clock.monotonic()
    const settled = nowMs - worker.startedMs > workerSettledMs
    const fails = settled ? 0 : (this.#fails.get(number) ?? 0)
    this.#fails.set(number, fails + 1)
    this.#lastEnd = failure?.message ?? reason
    this.#endsMs.push(nowMs)
    onEnded()
    const againMs = Math.min(workerAgainMs * 2 ** fails, workerAgainMsMax)
    log.error({ worker: number, reason: this.#lastEnd, againMs }, 'a worker ended, and is replaced')
    const timer = clock.after(againMs, () => {
      this.#waiting.delete(timer)
      this.#spawn(number)
    })
    this.#waiting.add(timer)
  }

  /** A worker that says nothing for long hangs. */
  #look(): void {
    const nowMs = this.#options.clock.monotonic()
    // This process itself slept, so it received no message.
    const slept = nowMs - this.#lookedMs > workerQuietMs
    this.#lookedMs = nowMs
    for (const worker of this.#serving()) {
      if (slept) worker.heardMs = nowMs
      else if (nowMs - worker.heardMs > workerSilentMs)
        worker.kill(`it said nothing for ${workerSilentMs / 1000} s`)
    }
  }

  #keepMetrics(worker: WorkerProcess): void {
    const last = this.#lastMetrics.get(worker)
    this.#lastMetrics.delete(worker)
    if (last) this.#past = this.#past.then(async (before) => endedCounters([before, last]))
  }

  async #close(): Promise<void> {
    this.#net.close()
    this.#httpsNet.close()
    this.#looking?.cancel()
    for (const timer of this.#waiting) timer.cancel()
    const running = [...this.#workers.values()]
    this.#tell({ type: 'stop' })
    const late = setTimeout(() => {
      for (const worker of running) worker.kill('it did not stop in time')
    }, workerStopMs)
    await Promise.all(running.map(async ({ ended }) => ended))
    clearTimeout(late)
  }

  #serving(): readonly WorkerProcess[] {
    return [...this.#workers.values()].filter(({ isServing }) => isServing)
  }

  #tell(message: Parameters<WorkerProcess['send']>[0]): void {
    for (const worker of this.#workers.values()) worker.send(message)
  }
}

/** HOST:PORT and https://HOST:PORT */
export function shownAddresses({ address, port, https }: Pick<KmipListener, 'address' | 'port' | 'https'>) {
  const kmipHttps = https === undefined ? null : `https://${shownAddress(https)}`
  return { kmip: shownAddress({ address, port }), kmipHttps }
}

function shownAddress({ address, port }: ListeningAddress): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`
}
