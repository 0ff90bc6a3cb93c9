// When the pieces of work of a load run begin: one behind the other in each lane, or at a fixed rate over all lanes. At a
// fixed rate a piece is due at its moment whether or not a lane is free, and its latency counts from then on, so a server
// that falls behind cannot slow its own load down.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

/** The most by which timers of Node are late, in milliseconds. */
const timerMs = 1.5

export class Schedule {
  readonly #beginMs = performance.now()
  readonly #endMs: number
  readonly #everyMs: number | undefined
  readonly #signal: AbortSignal | undefined
  #begun = 0

  /** `rate`: pieces per second, over all lanes. Left out: as fast as the lanes are. */
  constructor(durationMs: number, rate?: number, signal?: AbortSignal) {
    this.#endMs = this.#beginMs + durationMs
    this.#everyMs = rate === undefined ? undefined : 1000 / rate
    this.#signal = signal
  }

  /** Resolves when the next piece may begin, to the moment when it was due; to undefined at the end of the run. */
  async due(): Promise<number | undefined> {
    if (this.#signal?.aborted) return undefined
    const now = performance.now()
    const dueMs = this.#everyMs === undefined ? now : this.#beginMs + this.#begun * this.#everyMs
    this.#begun += 1
    if (dueMs >= this.#endMs) return undefined
    if (dueMs - now > timerMs) {
      const waited = sleep(dueMs - now - timerMs, true, { signal: this.#signal }).catch(() => false)
      if (!(await waited)) return undefined
    }
    while (performance.now() < dueMs) await nextTurn()
    return dueMs
  }
}
