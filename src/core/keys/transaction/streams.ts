// The computations in parts that are in progress (KMIP 1.4 §4: multi-part cryptographic operations): which client began each,
// with which key. A Correlation Value is valid only for its client, operation and key. An idle computation is dropped after a
// time, with the key that a thread holds for it. The parts of one computation reach the process that has it.

import { randomBytes } from 'node:crypto'
import type { CryptoPool } from '../../crypto/pool.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { cryptoStreamsMax } from '../../../base/bounds.ts'
import type { Clock } from '../../ports/clock.ts'
import { isFull, isOfInstance } from '../../trust/caller.ts'

/** The most computations in parts of one client, and the longest pause between two parts. */
export const cryptoStreamsPerPartyMax = 16
export const cryptoStreamIdleMs = 5 * 60_000

export interface StreamOf {
  /** The client, with its instance. */
  readonly party: string
  readonly operation: string
  /** Null: without a key. */
  readonly uniqueIdentifier: string | null
}

interface Stream extends StreamOf {
  usedAtMs: number
}

export class Streams {
  readonly #streams = new Map<string, Stream>()
  readonly #clock: Pick<Clock, 'monotonic' | 'after'>
  readonly #crypto: Pick<CryptoPool, 'run'>
  #willLook = false

  constructor(clock: Pick<Clock, 'monotonic' | 'after'>, crypto: Pick<CryptoPool, 'run'>) {
    this.#clock = clock
    this.#crypto = crypto
  }

  /** Returns the new Correlation Value. Throws Fault GeneralFailure if there are too many. */
  begin(of: StreamOf): string {
    const held = [...this.#streams.values()].map(({ party }) => party)
    const partyMax = cryptoStreamsPerPartyMax
    const max = cryptoStreamsMax
    if (held.filter((party) => party === of.party).length >= partyMax)
      throw new Fault('GeneralFailure', 'this client has begun too much in parts: end some of it, or wait')
    if (isFull(held, of.party, { partyMax, max }))
      throw new Fault('GeneralFailure', 'the server has too much to compute: try again')
    const id = randomBytes(16).toString('hex')
    this.#streams.set(id, { ...of, usedAtMs: this.#clock.monotonic() })
    if (!this.#willLook) this.#lookLater()
    return id
  }

  /** Throws Fault InvalidCorrelationValue unless the value belongs to this client, operation and key. */
  require(id: string, { party, operation, uniqueIdentifier }: StreamOf): void {
    const stream = this.#streams.get(id)
    const isIt =
      stream?.party === party &&
      stream.operation === operation &&
      stream.uniqueIdentifier === uniqueIdentifier
    if (!stream || !isIt)
      throw new Fault(
        'InvalidCorrelationValue',
        'nothing is going on with this Correlation Value: begin again',
      )
    stream.usedAtMs = this.#clock.monotonic()
  }

  end(id: string): void {
    this.#streams.delete(id)
  }

  #lookLater(): void {
    this.#willLook = true
    this.#clock.after(cryptoStreamIdleMs, () => this.#dropIdle())
  }

  #dropIdle(): void {
    this.#willLook = false
    const before = this.#clock.monotonic() - cryptoStreamIdleMs
    this.#dropThose(({ usedAtMs }) => usedAtMs <= before)
    if (this.#streams.size > 0) this.#lookLater()
  }

  /** Drops what clients of a closed instance have begun. */
  dropOf(instanceId: string): void {
    this.#dropThose(({ party }) => isOfInstance(party, instanceId))
  }

  #dropThose(isOver: (stream: Stream) => boolean): void {
    const ids = [...this.#streams].filter(([, stream]) => isOver(stream)).map(([id]) => id)
    for (const id of ids) this.#streams.delete(id)
    if (ids.length > 0) this.drop(ids)
  }

  /** Has the thread drop them. If it cannot be reached now, it drops them when it ends, and no request can continue them. */
  drop(ids: readonly string[]): void {
    void this.#crypto.run('drop-streams', { ids }, 'streams').catch(() => undefined)
  }
}
