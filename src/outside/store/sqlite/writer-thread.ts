// The writer's thread (writer.ts) as the thread that serves requests sees it. WriterThread hands changes to the writer and settles
// their promises. If the writer's thread ends, for any reason, WriterThread at once refuses all waiting changes, and then all later ones.

import type { KeyObject } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { AnchorUse, AnchorVerdict } from '../../../core/ports/anchor.ts'
import type { Clock, Timer } from '../../../core/ports/clock.ts'
import { StoreConflict, StoreUnavailable, type Change, type WriteHealth } from '../../../core/ports/store.ts'
import { commitQueueMax, storeSilentMs } from '../bounds.ts'
import { scriptFile } from '../../../base/program-files.ts'
import type {
  FromWriter,
  WriterJob,
  WriterOutcome,
  PostedJob,
  ToWriter,
  WriterData,
} from './writer-messages.ts'

const threadOf =
  (script: URL): StartWriter =>
  (workerData) =>
    new Worker(script, { workerData })

interface Waiting {
  resolve(): void
  reject(error: Error): void
}

const writerScript = scriptFile('outside/store/sqlite/writer')

/** The writer's thread, or a port to a writer. */
export interface WriterLink {
  on(event: 'message', listener: (message: FromWriter) => void): unknown
  on(event: 'error', listener: (error: unknown) => void): unknown
  on(event: 'messageerror', listener: (error: Error) => void): unknown
  on(event: 'exit', listener: (code: number) => void): unknown
  off(event: 'message', listener: (message: FromWriter) => void): unknown
  postMessage(message: ToWriter, transfer: readonly []): void
}

export type StartWriter = (data: WriterData) => WriterLink

interface StartOptions {
  readonly clock: Pick<Clock, 'every'>
  readonly script?: URL
  /** Starts the writer. Default: starts a thread that runs `script`. */
  readonly startWriter?: StartWriter | undefined
  /** Called before the database is open, with a sentence that says what the writer does to the database. */
  readonly onNotice?: ((message: string) => void) | undefined
}

export class WriterThread {
  readonly #worker: WriterLink
  readonly #waiting = new Map<number, Waiting>()
  readonly #onTrouble: (message: string) => void
  /** Called with each of the writer's answers to changes, before their promises are settled. */
  onAnswer: () => void = () => {}
  readonly #ended: Promise<void>
  /** The comparison with the anchor that the caller of `anchor` waits for. */
  #anchoring: PromiseWithResolvers<AnchorVerdict> | null = null
  #outbox: WriterJob[] = []
  #lastId = 0
  #health: WriteHealth = { writable: true, reason: null }
  readonly #file: string
  readonly #listening: Timer
  /** The id of the change that had waited longest when `#listen` last ran. */
  #waitedLongest: number | undefined
  /** Why changes wait, if the writer gives no answer; null: the writer answers. */
  #silent: string | null = null
  #closing: Promise<void> | null = null
  #gone: string | null = null

  private constructor(
    worker: WriterLink,
    file: string,
    onTrouble: (message: string) => void,
    clock: StartOptions['clock'],
  ) {
    this.#worker = worker
    this.#file = file
    this.#listening = clock.every(storeSilentMs, () => this.#listen())
    this.#onTrouble = onTrouble
    let cause: string | null = null
    worker.on('message', (message: FromWriter) => this.#take(message))
    worker.on('error', (error: unknown) => (cause = error instanceof Error ? error.message : String(error)))
    worker.on('messageerror', (error) => (cause = error.message))
    this.#ended = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#end(cause ?? `code ${code}`)
        resolve()
      })
    })
  }

  /**
   * Resolves once the database is open. Rejects with StoreUnavailable, which has the reason for people. `onTrouble` receives the
   * troubles that no caller would notice otherwise, for the log.
   */
  static async start(
    data: WriterData,
    onTrouble: (message: string) => void,
    { script = writerScript, onNotice, startWriter = threadOf(script), clock }: StartOptions,
  ): Promise<WriterThread> {
    const worker = startWriter(data)
    const first = await new Promise<FromWriter>((resolve, reject) => {
      const take = (message: FromWriter) => {
        if (message.type === 'notice') return onNotice?.(message.message)
        worker.off('message', take)
        resolve(message)
      }
      worker.on('message', take)
      worker.on('error', reject)
      worker.on('exit', (code) => reject(new Error(`code ${code}`)))
    }).catch((cause: unknown) => {
      throw new StoreUnavailable('unavailable', `the store's writer did not start: ${String(cause)}`, {
        cause,
      })
    })
    if (first.type === 'refused') throw new StoreUnavailable(first.why, first.message)
    const thread = new WriterThread(worker, data.file, onTrouble, clock)
    thread.#take(first)
    return thread
  }

  get health(): WriteHealth {
    return this.#silent === null ? this.#health : { writable: false, reason: this.#silent }
  }

  commit(change: Change): Promise<void> {
    if (this.#gone !== null) return Promise.reject(new StoreUnavailable('unavailable', this.#gone))
    if (this.#closing) return Promise.reject(new StoreUnavailable('unavailable', 'the store is closed'))
    if (this.#waiting.size >= commitQueueMax)
      return Promise.reject(
        new StoreUnavailable(
          'busy',
          `${this.#waiting.size} changes wait for the disk: try again in a moment`,
        ),
      )
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      this.#waiting.set(id, { resolve, reject })
      // All changes of this turn of the event loop go as one message: waking the writer's thread costs more than the message.
      if (this.#outbox.push({ id, change }) === 1) setImmediate(() => this.#send())
    })
  }

  /** See AnchoredStore. The caller does not call it again before the promise is settled. */
  anchor(key: KeyObject, how: AnchorUse): Promise<AnchorVerdict> {
    if (this.#gone !== null) return Promise.reject(new StoreUnavailable('unavailable', this.#gone))
    this.#anchoring = Promise.withResolvers()
    this.#post({ type: 'anchor', key, how })
    return this.#anchoring.promise
  }

  /** See MarkStore. */
  openMarks(key: KeyObject): void {
    this.#post({ type: 'marks', key })
  }

  /** Waits for the changes that were handed over, then closes the file. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#send()
      this.#post({ type: 'close' })
      await this.#ended
    })()
    return this.#closing
  }

  #send(): void {
    const jobs = this.#outbox
    if (jobs.length === 0) return
    this.#outbox = []
    try {
      this.#post({ type: 'jobs', jobs: jobs.map(posted) })
    } catch (cause) {
      // A change has a value that cannot be written as JSON or be cloned, which is a bug. Sending each change alone fails only that one.
      if (jobs.length === 1) this.#settle(jobs, new Error('hand a change to the store', { cause }))
      else for (const job of jobs) this.#sendAlone(job)
    }
  }

  #sendAlone(job: WriterJob): void {
    this.#outbox = [job]
    this.#send()
  }

  #post(message: ToWriter): void {
    this.#worker.postMessage(message, [])
  }

  #take(message: FromWriter): void {
    switch (message.type) {
      case 'outcomes':
        this.onAnswer()
        this.#answers()
        for (const outcome of message.outcomes) this.#settle([outcome], errorOf(outcome))
        return
      case 'open':
        this.#health = message.health
        if (message.health.reason !== null) this.#onTrouble(message.health.reason)
        return
      case 'health': {
        const turned = message.health.writable !== this.#health.writable
        this.#health = message.health
        if (turned) this.#onTrouble(message.health.reason ?? 'the store takes changes again')
        return
      }
      case 'notice':
        // The writer sends notices only before the database is open, and `start` passes those on.
        return
      case 'trouble':
        this.#onTrouble(message.message)
        return
      case 'anchor':
        return this.#anchoring?.resolve(message.verdict)
      case 'anchor-failed':
        return this.#anchoring?.reject(
          new StoreUnavailable('unavailable', `the anchor of the database: ${message.message}`),
        )
      case 'refused':
        return
      default:
        message satisfies never
    }
  }

  /** While the disk hangs, the writer's write or flush does not return, so only this thread can report that the disk hangs. */
  #listen(): void {
    const [longest] = this.#waiting.keys()
    const isSilent = longest !== undefined && longest === this.#waitedLongest
    this.#waitedLongest = longest
    if (!isSilent || this.#silent !== null) return
    this.#silent =
      `the disk of ${this.#file} has not answered for ${storeSilentMs / 1000} s: changes wait for it. See to the ` +
      'disk, or the storage behind it: the server goes on by itself once it answers'
    this.#onTrouble(this.#silent)
  }

  #answers(): void {
    if (this.#silent === null) return
    this.#silent = null
    this.#onTrouble(this.#health.reason ?? 'the store takes changes again')
  }

  #settle(jobs: readonly { readonly id: number }[], error: Error | null): void {
    for (const { id } of jobs) {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error) waiting?.reject(error)
      else waiting?.resolve()
    }
  }

  #end(cause: string): void {
    const closed = this.#closing !== null && cause === 'code 0'
    this.#gone = closed
      ? 'the store is closed'
      : `the store's writer ended (${cause}): start the server again`
    this.#listening.cancel()
    this.#silent = null
    this.#health = { writable: false, reason: this.#gone }
    const error = new StoreUnavailable('unavailable', this.#gone)
    this.#anchoring?.reject(error)
    this.#settle(
      [...this.#waiting.keys()].map((id) => ({ id })),
      error,
    )
    if (!closed) this.#onTrouble(this.#gone)
  }
}

function posted({ id, change: { entries, ...change } }: WriterJob): PostedJob {
  return { id, change, entries: JSON.stringify(entries) }
}

function errorOf(outcome: WriterOutcome): Error | null {
  switch (outcome.type) {
    case 'done':
      return null
    case 'conflict':
      return new StoreConflict(outcome.what, outcome.message)
    case 'unavailable':
      return new StoreUnavailable(outcome.why, outcome.message)
    case 'bug':
      return new Error(outcome.message)
    default:
      return outcome satisfies never
  }
}
