// The computations of acts: the pool of threads, the computations in parts that are in progress, and the blocks of random nonces.
// One Computations serves the process, one RequestComputations a request. If another request changed the key meanwhile, the
// request's work runs again. Then it does not repeat a slow computation, nor a part of a stream, because the stream has moved on.
// It reuses an earlier result only for equal input: the work may have made or found another key this time.

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
  /** Present if the server chose it. */
  readonly iv?: Uint8Array | undefined
  /** Present if more parts follow. */
  readonly correlationValue?: Uint8Array | undefined
}

/** A part of the data, or all of it. */
export interface DataPart {
  /** The computation that it continues; undefined: it begins one. */
  readonly id?: string | undefined
  readonly begins: boolean
  readonly ends: boolean
  readonly data?: Uint8Array | undefined
  readonly ending: Ending
}

export interface Opened {
  readonly opening: Opening
  /** Present if the server chose it. */
  readonly iv?: Uint8Array | undefined
}

/** A result that the request reuses if its work runs again. */
interface Result {
  /** Its input, in the form of digestsOf. */
  readonly of: unknown
  readonly computed: unknown
  /** The stream that this result advanced. */
  readonly stream?: string | undefined
}

export class RequestComputations {
  readonly #shared: Computations
  readonly #abandoned: AbortSignal | undefined
  /** In the order of the request's items. */
  readonly #results: (Result | undefined)[] = []
  #place = 0

  /** `abandoned` aborts when the client stops waiting for the answer. */
  constructor(shared: Computations, abandoned: AbortSignal | undefined) {
    this.#shared = shared
    this.#abandoned = abandoned
  }

  get nonces(): NonceBlocks {
    return this.#shared.nonces
  }

  /** Called when the work begins, or begins again. */
  attempt(): this {
    this.#place = 0
    return this
  }

  /** Runs a job in the turn of `party`. Throws Faults. */
  async run<N extends JobName>(name: N, input: JobInput<N>, party: string): Promise<JobOutput<N>> {
    return withFaults(this.#shared.pool.run(name, input, party, this.#turn(party)))
  }

  #turn(party: string) {
    return { abandoned: this.#abandoned, group: groupOf(party) }
  }

  /** Runs a slow job, but only once for equal input even if the work runs again. The caller owns the result. */
  async runOnce<N extends JobName>(name: N, input: JobInput<N>, party: string): Promise<JobOutput<N>> {
    const place = this.#place++
    const of = digestsOf([name, input])
    const computed = this.#known(place, of) ?? (await this.run(name, input, party))
    this.#results[place] = { of, computed }
    return ownBytes(computed).value as JobOutput<N>
  }

  /** Takes a part. Calls `open` for the first part. Throws Faults. */
  async take(of: StreamOf, part: DataPart, open: () => Promise<Opened>): Promise<Computed> {
    if (part.begins && part.ends) {
      const { opening, iv } = await open()
      const { data, ending } = part
      return { ...(await this.run('whole', { opening, data, ending }, of.party)), iv }
    }
    const place = this.#place++
    // The first part is always computed again, with the current key.
    const input = part.begins ? undefined : digestsOf([of, part])
    const known = this.#known(place, input) as Computed | undefined
    const computed = known ?? (await this.#takePart(of, part, open))
    const stream = part.id ?? Buffer.from(computed.correlationValue ?? []).toString('hex')
    this.#results[place] = { of: input, computed, stream }
    return computed
  }

  /** The result of an earlier attempt with equal input. For other input, ends the stream that the earlier attempt advanced. */
  #known(place: number, of: unknown): unknown {
    const result = this.#results[place]
    if (!result) return undefined
    if (of !== undefined && isDeepStrictEqual(result.of, of)) return result.computed
    this.#end(result)
    wipeBytes(result)
    return undefined
  }

  /**
   * Called when the client gets no results of this request. It cannot know whether a part was taken, and a part must not count
   * twice, so this ends each stream that advanced.
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
      // The client may send a part again if the part had no turn.
      const hadNoTurn = error instanceof CryptoError && (error.kind === 'busy' || error.kind === 'left')
      if (known === undefined || !hadNoTurn) streams.end(id)
      return withFaults(Promise.reject(error as Error))
    }
  }

  /** Overwrites its results: the answer has its own copy. */
  wipe(): void {
    wipeBytes(this.#results)
  }
}
