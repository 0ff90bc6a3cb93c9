// Counts a load run: how many requests, how long each took, what failed. Times go into buckets one per cent wide,
// so a run of any length takes the same memory. Knows nothing of KMIP.

/** In milliseconds, to one per cent. Null if nothing was measured. `max` is exact. */
export interface Percentiles {
  readonly p50: number | null
  readonly p90: number | null
  readonly p99: number | null
  readonly p999: number | null
  readonly max: number | null
}

export interface BenchFailure {
  readonly operation: string
  readonly what: string
  readonly count: number
}

const smallestMs = 0.001
const growth = Math.log(1.01)
/** The buckets reach beyond an hour. */
const bucketsMax = 2_300

export class Times {
  readonly #buckets = new Uint32Array(bucketsMax)
  #count = 0
  #maxMs = 0

  add(ms: number): void {
    const bucket = ms <= smallestMs ? 0 : Math.floor(Math.log(ms / smallestMs) / growth)
    const index = Math.min(bucket, bucketsMax - 1)
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1
    this.#count += 1
    if (ms > this.#maxMs) this.#maxMs = ms
  }

  get count(): number {
    return this.#count
  }

  percentiles(): Percentiles {
    if (this.#count === 0) return { p50: null, p90: null, p99: null, p999: null, max: null }
    const [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map((share) => this.#at(share))
    return {
      p50: p50 ?? null,
      p90: p90 ?? null,
      p99: p99 ?? null,
      p999: p999 ?? null,
      max: rounded(this.#maxMs),
    }
  }

  /** The nearest rank, as the middle of its bucket. */
  #at(share: number): number {
    let left = Math.max(1, Math.ceil(share * this.#count))
    for (const [index, count] of this.#buckets.entries()) {
      left -= count
      if (left <= 0) return rounded(Math.min(this.#maxMs, smallestMs * Math.exp((index + 0.5) * growth)))
    }
    return rounded(this.#maxMs)
  }
}

export class BenchTally {
  /** By operation: the time from the first byte of the request to the last byte of the answer. */
  readonly requests = new Map<string, Times>()
  /** The time of a new connection, TCP and TLS. */
  readonly handshakes = new Times()
  /** The time of a piece of work with its connection, if each has its own. */
  readonly pieces = new Times()
  resumed = 0
  readonly #failures = new Map<string, { readonly operation: string; readonly what: string; count: number }>()

  done(operation: string, ms: number): void {
    let times = this.requests.get(operation)
    if (!times) this.requests.set(operation, (times = new Times()))
    times.add(ms)
  }

  failed(operation: string, what: string): void {
    const key = `${operation} ${what}`
    const known = this.#failures.get(key)
    if (known) known.count += 1
    else this.#failures.set(key, { operation, what, count: 1 })
  }

  /** Most frequent first. */
  failures(): readonly BenchFailure[] {
    return [...this.#failures.values()].toSorted((a, b) => b.count - a.count)
  }
}

function rounded(ms: number): number {
  return Number(ms.toPrecision(4))
}
