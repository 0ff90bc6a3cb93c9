// The pool of threads for slow computations. The thread that serves TLS uses it, and does quick computations itself. The number
// of waiting jobs is bounded in all, for each party, and for each group of parties (the clients of an instance). Groups take
// turns, and so do the parties of a group within its turns. Long work never has all threads. A thread that ends or takes too long
// is replaced, and its job is refused. Jobs that may take a minute get a process of their own (pool-process.ts).

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { cryptoLongNice } from './bounds.ts'
import { scriptFile } from '../../base/program-files.ts'
import { CryptoError } from './error.ts'
import { laneOf, runJob, type JobInput, type JobName, type JobOutput, type CryptoLane } from './jobs.ts'
import { ownBytes } from './own-bytes.ts'
import { answered, left, lost, tookTooLong, type WaitingJob } from './pool-job.ts'
import type { FromPoolThread, PoolThreadData, ToPoolThread } from './pool-messages.ts'
import { PoolProcess } from './pool-process.ts'

/** The most threads for slow computations. There are as many as processors, and at least two. */
const cryptoThreadsMax = 4
/**
 * The nice value of a thread without long work, so that it gives way to the thread that serves TLS. With 10, Linux gives a thread
 * a tenth of a processor that others want, in slices of some milliseconds, which shows in about one Get of a hundred.
 */
export const cryptoNice = 10
/**
 * Computations that wait for a thread: of all clients, of the clients of one instance, and of one client. The server refuses
 * further ones.
 */
export const cryptoWaitingMax = 256
export const cryptoWaitingPerInstanceMax = 192
export const cryptoWaitingPerPartyMax = 32
/** A computation that takes longer is aborted. An RSA key of 8192 bits takes half a minute, rarely more. */
export const cryptoJobMsMax = 110_000

const poolScript = scriptFile('core/crypto/pool-thread')

export interface PoolOptions {
  readonly threads?: number
  readonly jobMsMax?: number
  readonly script?: URL
}

/** At least two, so that long work leaves one free. All give way to the thread that serves TLS. */
function threadsByDefault(): number {
  return Math.min(cryptoThreadsMax, Math.max(2, availableParallelism()))
}

export class CryptoPool {
  readonly #jobMsMax: number
  readonly #script: URL
  /** The threads by their places. The first one holds the streams and does no long work, so that it answers soon. */
  readonly #threads: (PoolThread | undefined)[]
  readonly #lanesOfFirst: readonly CryptoLane[]
  #process: PoolProcess | undefined
  /** The waiting jobs by group and party. The one whose turn is next comes first. */
  readonly #groups = new Map<string, Map<string, WaitingJob[]>>()
  #waiting = 0
  #closed = false

  constructor({
    threads = threadsByDefault(),
    jobMsMax = cryptoJobMsMax,
    script = poolScript,
  }: PoolOptions = {}) {
    this.#threads = Array.from({ length: threads }, () => undefined)
    this.#lanesOfFirst = threads > 1 ? ['stream', 'short'] : ['stream', 'short', 'long']
    this.#jobMsMax = jobMsMax
    this.#script = script
  }

  /**
   * Does the job. The caller keeps the input's byte strings, and overwrites them after the promise is settled. The caller owns
   * the output's. `party` and `group`: whose turn the job takes. A job that still waits when `abandoned` aborts is not done.
   * Throws the CryptoErrors of the job, `busy` if too many jobs wait, `left` and `lost`.
   */
  async run<N extends JobName>(
    name: N,
    input: JobInput<N>,
    party: string,
    {
      abandoned,
      group = party,
    }: { readonly abandoned?: AbortSignal | undefined; readonly group?: string } = {},
  ): Promise<JobOutput<N>> {
    const lane = laneOf(name, input)
    if (lane === 'quick') return runJob(name, input) as JobOutput<N>
    if (this.#closed) throw new CryptoError('lost', 'the server is stopping')
    if (abandoned?.aborted === true) throw left()
    const parties = this.#groups.get(group) ?? new Map<string, WaitingJob[]>()
    const queue = parties.get(party) ?? []
    const isFull =
      this.#waiting >= cryptoWaitingMax ||
      queue.length >= cryptoWaitingPerPartyMax ||
      waitingIn(parties) >= cryptoWaitingPerInstanceMax
    if (isFull) throw new CryptoError('busy', 'the server has too much to compute: try again')
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const job = { name, input, lane, resolve, reject }
    queue.push(job)
    parties.set(party, queue)
    this.#groups.set(group, parties)
    this.#waiting += 1
    this.#give()
    const forget = () => this.#forget(group, party, job)
    abandoned?.addEventListener('abort', forget)
    try {
      return (await promise) as JobOutput<N>
    } finally {
      abandoned?.removeEventListener('abort', forget)
    }
  }

  /** Removes a waiting job whose caller has gone. A thread finishes a job that it has begun. */
  #forget(group: string, party: string, job: WaitingJob): void {
    const parties = this.#groups.get(group)
    const queue = parties?.get(party)
    const at = queue?.indexOf(job) ?? -1
    if (!parties || !queue || at < 0) return
    queue.splice(at, 1)
    if (queue.length === 0) parties.delete(party)
    if (parties.size === 0) this.#groups.delete(group)
    this.#waiting -= 1
    job.reject(left())
  }

  /** Ends the threads. Refuses waiting and running jobs. */
  async close(): Promise<void> {
    this.#closed = true
    const stopping = new CryptoError('lost', 'the server is stopping')
    for (const parties of this.#groups.values())
      for (const job of [...parties.values()].flat()) job.reject(stopping)
    this.#groups.clear()
    this.#waiting = 0
    this.#process?.end(stopping)
    for (const thread of this.#threads) await thread?.end(stopping)
  }

  #give(): void {
    this.#giveApart()
    for (const [place, thread] of this.#threads.entries()) {
      if (thread?.isIdle === false) continue
      const job = this.#next(place === 0 ? this.#lanesOfFirst : lanesOfOthers)
      if (!job) continue
      ;(thread ?? this.#start(place)).take(job)
    }
  }

  #giveApart(): void {
    const job = this.#process ? undefined : this.#next(['apart'])
    if (!job) return
    this.#process = new PoolProcess(this.#script, job, this.#jobMsMax, () => {
      this.#process = undefined
      if (!this.#closed) this.#give()
    })
  }

  /** The first job in one of these lanes, of the next group and its next party. */
  #next(lanes: readonly CryptoLane[]): WaitingJob | undefined {
    for (const [group, parties] of this.#groups)
      for (const [party, queue] of parties) {
        const at = queue.findIndex(({ lane }) => lanes.includes(lane))
        if (at < 0) continue
        const [job] = queue.splice(at, 1)
        parties.delete(party)
        if (queue.length > 0) parties.set(party, queue)
        this.#groups.delete(group)
        if (parties.size > 0) this.#groups.set(group, parties)
        this.#waiting -= 1
        return job
      }
    return undefined
  }

  #start(place: number): PoolThread {
    const nice = place === 0 ? cryptoNice : cryptoLongNice
    const worker = new Worker(this.#script, { workerData: { nice } satisfies PoolThreadData })
    const thread = new PoolThread(worker, this.#jobMsMax, (ended) => {
      if (ended) this.#threads[place] = undefined
      if (!this.#closed) this.#give()
    })
    this.#threads[place] = thread
    return thread
  }
}

function waitingIn(parties: ReadonlyMap<string, readonly WaitingJob[]>): number {
  return [...parties.values()].reduce((sum, { length }) => sum + length, 0)
}

const lanesOfOthers: readonly CryptoLane[] = ['short', 'long']

/** A thread and its current job. */
class PoolThread {
  readonly #worker: Worker
  readonly #jobMsMax: number
  /** Called when the thread is idle again, or has ended. */
  readonly #onFree: (ended: boolean) => void
  #timer: NodeJS.Timeout | undefined
  #job: WaitingJob | undefined
  #ending = false

  constructor(worker: Worker, jobMsMax: number, onFree: (ended: boolean) => void) {
    this.#worker = worker
    this.#jobMsMax = jobMsMax
    this.#onFree = onFree
    worker.on('message', (message: FromPoolThread) => this.#answered(message))
    // The event 'exit' follows, which settles the job.
    worker.on('error', (error) => {
      this.#ending = true
      this.#settle((job) => job.reject(lost(error)))
    })
    worker.on('exit', () => {
      this.#settle((job) => job.reject(lost()))
      this.#onFree(true)
    })
  }

  get isIdle(): boolean {
    return this.#job === undefined && !this.#ending
  }

  take(job: WaitingJob): void {
    this.#job = job
    this.#worker.ref()
    this.#timer = setTimeout(() => {
      void this.end(tookTooLong())
    }, this.#jobMsMax)
    const { name, input } = job
    const { value, transfer } = ownBytes<ToPoolThread>({ name, input })
    this.#worker.postMessage(value, transfer)
  }

  async end(error: CryptoError): Promise<void> {
    this.#ending = true
    this.#settle((job) => job.reject(error))
    await this.#worker.terminate()
  }

  #answered(message: FromPoolThread): void {
    this.#settle((job) => answered(job, message))
    if (this.#ending) return
    this.#worker.unref()
    this.#onFree(false)
  }

  #settle(settle: (job: WaitingJob) => void): void {
    clearTimeout(this.#timer)
    const job = this.#job
    this.#job = undefined
    if (job) settle(job)
  }
}
