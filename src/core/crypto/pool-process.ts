// Runs a job in a process of its own, which can be killed at any moment. A thread cannot be ended before OpenSSL has found the
// primes of a long RSA key, so the end of the server would wait for it.

import { fork, type ChildProcess } from 'node:child_process'
import { deserialize } from 'node:v8'
import { cryptoLongNice } from './bounds.ts'
import type { CryptoError } from './error.ts'
import { ownBytes } from './own-bytes.ts'
import { answered, lost, tookTooLong, type WaitingJob } from './pool-job.ts'
import type { FromPoolThread, ToPoolThread } from './pool-messages.ts'

export class PoolProcess {
  readonly #child: ChildProcess
  readonly #timer: NodeJS.Timeout
  #job: WaitingJob | undefined

  /** Calls `onEnded` when another process may begin. */
  constructor(script: URL, job: WaitingJob, jobMsMax: number, onEnded: () => void) {
    this.#job = job
    // The answer comes over standard output, since its bytes can be overwritten. Those of the message channel cannot.
    this.#child = fork(script, [String(cryptoLongNice)], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    const chunks: Buffer[] = []
    this.#child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
    const ended = new Promise<number | null>((resolve, reject) => {
      this.#child.once('close', resolve)
      this.#child.once('error', reject)
    })
    void ended
      .then(
        (code) =>
          this.#settle((waiting) =>
            code === 0 && chunks.length > 0 ? take(chunks, waiting) : waiting.reject(lost()),
          ),
        (error: unknown) => this.#settle((waiting) => waiting.reject(lost(error))),
      )
      .finally(() => {
        for (const chunk of chunks) chunk.fill(0)
        onEnded()
      })
    const { name, input } = job
    this.#child.send({ name, input } satisfies ToPoolThread, () => undefined)
    this.#timer = setTimeout(() => this.end(tookTooLong()), jobMsMax)
  }

  end(error: CryptoError): void {
    this.#settle((waiting) => waiting.reject(error))
    this.#child.kill('SIGKILL')
  }

  #settle(settle: (job: WaitingJob) => void): void {
    clearTimeout(this.#timer)
    const job = this.#job
    this.#job = undefined
    if (job) settle(job)
  }
}

function take(chunks: readonly Buffer[], job: WaitingJob): void {
  const bytes = Buffer.concat(chunks)
  // The deserialized values are views into these bytes, so they are copied before the bytes are wiped.
  try {
    answered(job, ownBytes(deserialize(bytes) as FromPoolThread).value)
  } catch (error) {
    // The output holds something other than the answer.
    job.reject(lost(error))
  }
  bytes.fill(0)
}
