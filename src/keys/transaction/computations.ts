// The acts compute with these: the pool of threads, the computations in parts that are going on, and the blocks of random nonces.
// One Computations serves the process, one RequestComputations a request. If another request changed the key meanwhile, the
// request's work runs again; a part of a stream is not computed twice then, because the stream has gone on.

import type { Ending, Finished } from '../../crypto/machine.ts'
import type { JobInput, JobName, JobOutput } from '../../crypto/jobs.ts'
import type { Opening } from '../../crypto/openings.ts'
import { ownBytes, wipeBytes } from '../../crypto/own-bytes.ts'
import type { CryptoPool } from '../../crypto/pool.ts'
import { CryptoError } from '../../crypto/error.ts'
import type { Clock } from '../../ports/clock.ts'
import { withFaults } from './crypto-fault.ts'
import { NonceBlocks } from '../object/nonce-count.ts'
import { Streams, type StreamOf } from './streams.ts'

export type Pool = Pick<CryptoPool, 'run'>

export class Computations {
  readonly pool: Pool
  readonly streams: Streams
  readonly nonces = new NonceBlocks()

  constructor(pool: Pool, clock: Pick<Clock, 'monotonic' | 'after'>) {
    this.pool = pool
    this.streams = new Streams(clock, pool)
  }
}

/** The byte strings are wiped with the request. */
export interface Computed extends Finished {
  /** If the server chose it. */
  readonly iv?: Uint8Array | undefined
  /** If more parts are to come. */
  readonly correlationValue?: Uint8Array | undefined
}

/** A part of the data, or all of it. */
export interface DataPart {
  /** The computation that it goes on with, unless it begins one. */
  readonly id?: string | undefined
  readonly begins: boolean
  readonly ends: boolean
  readonly data?: Uint8Array | undefined
  readonly ending: Ending
}

export interface Opened {
  readonly opening: Opening
  /** If the server chose it. */
  readonly iv?: Uint8Array | undefined
}

export class RequestComputations {
  readonly #shared: Computations
  readonly #abandoned: AbortSignal | undefined
  /** The results that are not computed again, in the order of the request's items. */
  readonly #results: unknown[] = []
  #place = 0

  /** `abandoned` aborts when nobody waits for the request's answer any more. */
  constructor(shared: Computations, abandoned: AbortSignal | undefined) {
    this.#shared = shared
    this.#abandoned = abandoned
  }

  get nonces(): NonceBlocks {
    return this.#shared.nonces
  }

  /** The work begins, or begins again. */
  attempt(): this {
    this.#place = 0
    return this
  }

  /** `party`: whose turn it takes. Throws Faults. */
  async run<N extends JobName>(name: N, input: JobInput<N>, party: string): Promise<JobOutput<N>> {
    return withFaults(this.#shared.pool.run(name, input, party, this.#abandoned))
  }

  /** The same, and not again if the work runs again: for what takes long. The result is the caller's own. */
  async runOnce<N extends JobName>(name: N, input: JobInput<N>, party: string): Promise<JobOutput<N>> {
    const place = this.#place++
    const known = (this.#results[place] ??= await this.run(name, input, party))
    return ownBytes(known).value as JobOutput<N>
  }

  /** `open` is called for a part that begins. Throws Faults. */
  async take(of: StreamOf, part: DataPart, open: () => Promise<Opened>): Promise<Computed> {
    if (part.begins && part.ends) {
      const { opening, iv } = await open()
      const { data, ending } = part
      return { ...(await this.run('whole', { opening, data, ending }, of.party)), iv }
    }
    const place = this.#place++
    const known = this.#results[place] as Computed | undefined
    const computed = known ?? (await this.#takePart(of, part, open))
    this.#results[place] = computed
    return computed
  }

  async #takePart(
    of: StreamOf,
    { id: known, data, ends, ending }: DataPart,
    open: () => Promise<Opened>,
  ): Promise<Computed> {
    const { streams, pool } = this.#shared
    if (known !== undefined) streams.require(known, of)
    const opened = known === undefined ? await open() : undefined
    const id = known ?? streams.begin(of)
    try {
      const input = { id, opening: opened?.opening, data, ending: ends ? ending : undefined }
      const finished = await pool.run('part', input, of.party, this.#abandoned)
      if (ends) streams.end(id)
      return { ...finished, iv: opened?.iv, correlationValue: ends ? undefined : Buffer.from(id, 'hex') }
    } catch (error) {
      // A part that had no turn may be sent again.
      const hadNoTurn = error instanceof CryptoError && (error.kind === 'busy' || error.kind === 'left')
      if (known === undefined || !hadNoTurn) streams.end(id)
      return withFaults(Promise.reject(error as Error))
    }
  }

  /** Overwrites what it gave: the answer has its own copy. */
  wipe(): void {
    wipeBytes(this.#results)
  }
}
