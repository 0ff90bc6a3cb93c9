// The thread for long work by the schemas of the routes, as seen from the thread that serves TLS: long bodies are parsed and checked there,
// and the description of the API is made there, since none of it can be interrupted. It starts with the first such work and ends when it was idle
// for a while. If it ends before that, what waits for it is refused, before any handler has begun; the next work starts another.

import { Worker, type Transferable } from 'node:worker_threads'
import { KeyedMutex } from '../../base/keyed-mutex.ts'
import { inTurns, type Turns } from '../../base/parts.ts'
import { scriptFile } from '../../base/program-files.ts'
import { Refusal } from '../../base/refusal.ts'
import type { ApiDescription, FromSchemaThread, SchemaAnswer, SchemaJob } from './schema-messages.ts'
import { receivedPieces } from './value-pieces.ts'

/** Work of all askers before it included: an asker has one body at a time there. */
const schemaAnswerMs = 30_000
const schemaIdleMs = 60_000

export interface SchemaThreadOptions {
  /** Others for tests. */
  readonly script?: URL
  readonly answerMs?: number
  readonly idleMs?: number
}

interface Waiting {
  readonly answer: (answer: SchemaAnswer) => void
  readonly refuse: (refusal: Refusal) => void
}

export class SchemaThread {
  readonly #options: Required<SchemaThreadOptions>
  readonly #failed: (error: unknown) => void
  readonly #oneAtATime = new KeyedMutex()
  #worker: Worker | undefined
  /** By the id of the job; all of them are the worker's. */
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #idle: NodeJS.Timeout | undefined
  #isClosed = false

  /** `failed`: called when the thread ends by itself, or does not answer. */
  constructor(options: SchemaThreadOptions & { readonly failed: (error: unknown) => void }) {
    const { script = scriptFile('program/workers/schema-worker'), failed } = options
    const { answerMs = schemaAnswerMs, idleMs = schemaIdleMs } = options
    this.#options = { script, answerMs, idleMs }
    this.#failed = failed
  }

  /**
   * Parses the body and checks it by the schema of the route, as `parsedJson` and `valid` do. The bytes belong to the thread from now on.
   * An asker has one body at a time there; that of a client that has left meanwhile is not parsed. Throws Refusals of these two, 'unavailable' and
   * 'timed-out'.
   */
  async body(
    { route, bytes }: Pick<SchemaJob & { readonly type: 'body' }, 'route' | 'bytes'>,
    turns: Turns,
    { asker, hasLeft }: { readonly asker: string; readonly hasLeft: () => boolean },
  ): Promise<unknown> {
    const pieces = await this.#oneAtATime.run(asker, async () => {
      if (hasLeft()) throw new Refusal('timed-out', 'the client did not wait')
      const answer = await this.#ask({ type: 'body', route, bytes }, [bytes.buffer])
      return answer.type === 'body' ? answer.pieces : thrown(answer)
    })
    await turns.turn()
    return inTurns(receivedPieces(pieces), turns)
  }

  /** Throws Refusal 'unavailable', and an error if it cannot be made. */
  async description(): Promise<ApiDescription> {
    const answer = await this.#ask({ type: 'description' }, [])
    return answer.type === 'description' ? answer.description : thrown(answer)
  }

  /** Refuses what waits. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#end()
  }

  async #ask(job: SchemaJob, transfer: readonly Transferable[]): Promise<SchemaAnswer> {
    if (this.#isClosed) throw unavailable()
    clearTimeout(this.#idle)
    const worker = (this.#worker ??= this.#start())
    const id = ++this.#lastId
    const late = setTimeout(() => this.#lose(worker, 'it did not answer in time'), this.#options.answerMs)
    try {
      return await new Promise((answer, refuse) => {
        this.#waiting.set(id, { answer, refuse })
        worker.postMessage({ ...job, id }, transfer)
      })
    } finally {
      clearTimeout(late)
      this.#waiting.delete(id)
      if (this.#waiting.size === 0)
        this.#idle = setTimeout(() => void this.#end(), this.#options.idleMs).unref()
    }
  }

  #start(): Worker {
    const worker = new Worker(this.#options.script)
    worker.unref()
    worker.on('message', ({ id, ...answer }: FromSchemaThread) => this.#waiting.get(id)?.answer(answer))
    worker.on('messageerror', (error) => this.#lose(worker, 'its answer cannot be read', error))
    worker.on('error', (error) => this.#lose(worker, 'it failed', error))
    worker.on('exit', (code) => this.#lose(worker, `it ended with code ${code}`))
    return worker
  }

  #lose(worker: Worker, why: string, cause?: unknown): void {
    if (this.#worker !== worker) return
    this.#failed(new Error(`the thread for long bodies was given up: ${why}`, { cause }))
    void this.#end()
  }

  async #end(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    clearTimeout(this.#idle)
    for (const { refuse } of this.#waiting.values()) refuse(unavailable())
    this.#waiting.clear()
    await worker?.terminate()
  }
}

function unavailable(): Refusal {
  return new Refusal('unavailable', 'the thread that does this work ended; nothing was changed', 'Try again.')
}

function thrown(answer: SchemaAnswer): never {
  if (answer.type === 'refused') throw new Refusal(answer.code, answer.message, answer.hint)
  throw new Error(answer.type === 'failed' ? answer.message : `the thread answers with ${answer.type}`)
}
