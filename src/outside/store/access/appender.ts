// Appends to a file on a thread of its own (append-thread.ts), so that a disk that hangs holds up only that thread. The caller
// sends one request at a time.

import { availableParallelism } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { Worker } from 'node:worker_threads'
import { scriptFile } from '../../../base/program-files.ts'
import { sharedMemory, sharedViews, state, word, type AppendThreadData } from './append-messages.ts'

/** The most bytes that one request can append. */
export const accessAppendBytes = 256 * 1024
/** Up to this size (a few records) the thread that serves TLS first polls for the answer, for at most accessSpinUsMax. */
const accessSpinBytesMax = 2_048
const accessSpinUsMax = 40

export interface Appender {
  /**
   * Resolves once the operating system has the bytes. Rejects with the system's error: the file may then have a part of the
   * bytes.
   */
  append(bytes: Buffer): Promise<void>
  /** Cuts the file to this length. Rejects with the system's error. */
  truncate(length: number): Promise<void>
  /** Ends the thread without waiting for a request that hangs. */
  close(): void
}

/** `file`: a descriptor that is open for appending. */
export type StartAppender = (file: number) => Appender

const appendScript = scriptFile('outside/store/access/append-thread')

export const startAppendThread: StartAppender = (file) => new AppendThread(file)

class AppendThread implements Appender {
  readonly #worker: Worker
  readonly #views: ReturnType<typeof sharedViews>
  /** Polling for the answer helps only if the thread of the access log has a processor of its own. */
  readonly #hasProcessor = availableParallelism() > 1
  /** Why the thread has ended. */
  #ended: Error | undefined

  constructor(file: number) {
    const shared = sharedMemory(accessAppendBytes)
    this.#views = sharedViews(shared)
    this.#worker = new Worker(appendScript, { workerData: { file, shared } satisfies AppendThreadData })
    this.#worker.unref()
    this.#worker.on('error', (error: unknown) => this.#end(String(error)))
    this.#worker.on('exit', (code) => this.#end(`code ${code}`))
  }

  async append(bytes: Buffer): Promise<void> {
    const { bytes: area, words } = this.#views
    words[word.isTruncation] = 0
    for (let at = 0; at < bytes.length; at += area.length) {
      const piece = bytes.subarray(at, at + area.length)
      area.set(piece)
      await this.#ask(piece.length)
    }
  }

  async truncate(length: number): Promise<void> {
    this.#views.words[word.isTruncation] = 1
    await this.#ask(length)
  }

  close(): void {
    void this.#worker.terminate()
  }

  async #ask(size: number): Promise<void> {
    const { words, size: requestSize } = this.#views
    if (this.#ended) throw this.#ended
    requestSize[0] = size
    Atomics.store(words, word.state, state.waiting)
    Atomics.notify(words, word.state)
    if (size <= accessSpinBytesMax && this.#hasProcessor) this.#spin()
    const { async, value } = Atomics.waitAsync(words, word.state, state.waiting)
    if (async) await value
    if (this.#ended) throw this.#ended
    const errno = words[word.error] ?? 0
    if (errno !== 0) throw systemError(errno)
  }

  /**
   * Polls for the answer, which mostly comes sooner than a promise for it would settle. During larger writes the thread serves
   * other requests instead.
   */
  #spin(): void {
    const { words } = this.#views
    const endMs = performance.now() + accessSpinUsMax / 1000
    while (Atomics.load(words, word.state) === state.waiting && performance.now() < endMs);
  }

  /** Rejects the request that waits for an answer. */
  #end(cause: string): void {
    const { words } = this.#views
    this.#ended ??= new Error(`the thread of the access log ended (${cause}): start the server again`)
    Atomics.store(words, word.state, state.answered)
    Atomics.notify(words, word.state)
  }
}

function systemError(errno: number): Error {
  const [code, message] = getSystemErrorMap().get(errno) ?? ['EIO', `system error ${errno}`]
  return Object.assign(new Error(`${code}: ${message}`), { code, errno })
}
