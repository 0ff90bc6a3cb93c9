// The thread's time, shared between those who ask. A request begins with a turn, and goes on with another after each
// batch item and wherever its work is long; turns are given out fairly (fair-queue.ts), a few at a time, and sockets are
// read in between. While nobody waits and little was done since sockets were last read, a turn begins at once. Measures
// what runs in a turn until it first waits for something else; the rest (an answer written, a commit settled) is small.

import type { Pace } from '../keys/pace.ts'
import { Fault } from '../kmip/fault.ts'
import { limits } from '../limits.ts'
import { FairQueue, type Party } from './fair-queue.ts'

interface Waiting {
  readonly party: Party
  readonly abandoned: AbortSignal
  resolve(): void
  reject(error: Fault): void
}

export class Shares {
  readonly #queue = new FairQueue<Waiting>()
  readonly #now: () => number
  /** Callbacks of this round of the loop that are still to come; the last one ends it. */
  #planned = 0
  /** Used in this round of the loop. */
  #usedMs = 0
  #running: { readonly party: Party; readonly sinceMs: number } | undefined

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** The pace of one request. `abandoned` is aborted when nobody waits for its answer any more. */
  paceOf(party: Party, abandoned: AbortSignal): Pace {
    let endMs = -Infinity
    const now = this.#now
    return {
      get spent() {
        return now() >= endMs
      },
      turn: async () => {
        const isFirst = endMs === -Infinity
        if (!isFirst || abandoned.aborted || !this.#beginsAtOnce(party)) await this.#wait(party, abandoned)
        endMs = now() + limits.turnMs
      },
    }
  }

  /** Only a request's first turn, which follows a read of its socket: of later ones many may be asked for in one go. */
  #beginsAtOnce(party: Party): boolean {
    this.#account()
    if (this.#queue.waiting > 0 || this.#usedMs >= limits.turnsTogetherMs) return false
    this.#begin(party)
    if (this.#planned === 0) this.#planSettling()
    return true
  }

  #wait(party: Party, abandoned: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.enter(party, { party, abandoned, resolve, reject })
      this.#plan()
    })
  }

  /** A callback for each turn, and one behind it: between the two runs what the turn sets going, and nothing else. */
  #plan(): void {
    while (this.#planned < Math.min(this.#queue.waiting, limits.turnsTogetherMax)) {
      setImmediate(() => this.#give())
      this.#planSettling()
    }
  }

  #planSettling(): void {
    this.#planned += 1
    setImmediate(() => this.#settle())
  }

  #give(): void {
    if (this.#usedMs >= limits.turnMs) return
    for (;;) {
      const next = this.#queue.next()
      if (!next) return
      if (!next.abandoned.aborted) {
        this.#begin(next.party)
        return next.resolve()
      }
      next.reject(new Fault('OperationCanceledByRequester', 'the client did not wait for the answer'))
    }
  }

  #settle(): void {
    this.#planned -= 1
    this.#account()
    if (this.#planned > 0) return
    this.#usedMs = 0
    this.#plan()
  }

  #begin(party: Party): void {
    this.#account()
    this.#running = { party, sinceMs: this.#now() }
  }

  #account(): void {
    if (!this.#running) return
    const { party, sinceMs } = this.#running
    const usedMs = this.#now() - sinceMs
    this.#queue.charge(party, usedMs)
    this.#usedMs += usedMs
    this.#running = undefined
  }
}
