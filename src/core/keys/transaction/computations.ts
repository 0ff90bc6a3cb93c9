// Everything with which acts compute: the pool of threads, the computations in parts that are going on, and the blocks of random
// nonces. One Computations serves the process, one RequestComputations a request. If another request changed the key meanwhile,
// the request's work runs again. It does not repeat a slow computation then, nor a part of a stream, because the stream has gone
// on. It takes an earlier result only for the same input: the work may have made or found another key this time.

import { isDeepStrictEqual } from 'node:util'
import type { Ending, Finished } from '../../crypto/machine.ts'
import type { JobInput, JobName, JobOutput } from '../../crypto/jobs.ts'
import type { Opening } from '../../crypto/openings.ts'
import { digestsOf, ownBytes, wipeBytes } from '../../crypto/own-bytes.ts'
import type { CryptoPool } from '../../crypto/pool.ts'
import { CryptoError } from '../../crypto/error.ts'
import type { Clock } from '../../ports/clock.ts'
import { groupOf } from '../../trust/caller.ts'
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

/** A result that is not computed again. */
interface Result {
  /** Its input, as digestsOf has it. */
  readonly of: unknown
  readonly computed: unknown
  /** The stream that has gone on with it. */
  readonly stream?: string | undefined
}

export class RequestComputations {
  readonly #shared: Computations
  readonly #abandoned: AbortSignal | undefined
  /** In the order of the request's items. */
  readonly #results: (Result | undefined)[] = []
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
    return withFaults(this.#shared.pool.run(name, input, party, this.#turn(party)))
  }

  #turn(party: string) {
    return { abandoned: this.#abandoned, group: groupOf(party) }
  }

  /** The same, and not again of the same input if the work runs again: for what takes long. The result is the caller's own. */
  async runOnce<N extends JobName>(name: N, input: JobInput<N>, party: string): Promise<JobOutput<N>> {
    const place = this.#place++
    const of = digestsOf([name, input])
    const computed = this.#known(place, of) ?? (await this.run(name, input, party))
    this.#results[place] = { of, computed }
    return ownBytes(computed).value as JobOutput<N>
  }

  /** `open` is called for a part that begins. Throws Faults. */
  async take(of: StreamOf, part: DataPart, open: () => Promise<Opened>): Promise<Computed> {
    if (part.begins && part.ends) {
      const { opening, iv } = await open()
      const { data, ending } = part
      return { ...(await this.run('whole', { opening, data, ending }, of.party)), iv }
    }
    const place = this.#place++
    // A first part is computed of the key as it is now.
    const input = part.begins ? undefined : digestsOf([of, part])
    const known = this.#known(place, input) as Computed | undefined
    const computed = known ?? (await this.#takePart(of, part, open))
    const stream = part.id ?? Buffer.from(computed.correlationValue ?? []).toString('hex')
    this.#results[place] = { of: input, computed, stream }
    return computed
  }

  /** The result of an earlier attempt, of the same input. A stream that has gone on with another one is ended. */
  #known(place: number, of: unknown): unknown {
    const result = this.#results[place]
    if (!result) return undefined
    if (of !== undefined && isDeepStrictEqual(result.of, of)) return result.computed
    this.#end(result)
    wipeBytes(result)
    return undefined
  }

  /**
   * The client gets no results of this request. It cannot know whether a part was taken, which must not count twice: what has gone on
   * with one is ended.
   */
  giveUp(): void {
    for (const result of this.#results) if (result) this.#end(result)
  }

  #end({ stream }: Result): void {
    if (stream === undefined) return
    this.#shared.streams.end(stream)
    this.#shared.streams.drop([stream])
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
      const finished = await pool.run('part', input, of.party, this.#turn(of.party))
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
