// Shares the thread's time between requests. Each request begins with a turn and takes another for each further batch item
// and wherever its work is long. Waiting requests get their turns in the order of fair-queue.ts, a few at a time, and
// sockets are read in between. While nobody waits and little was done since the last read, a request begins at once.
// Only the part of a turn until its first wait for something else is measured; the rest (an answer written, a commit
// settled) is short.

import type { Pace } from '../../core/keys/transaction/pace.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import { andThen, type MaybePromise } from '../../base/maybe-promise.ts'
import { FairQueue, type Party } from './fair-queue.ts'

/** A turn. After this long, work on a request lets others go first. */
const turnMs = 0.5
/** Time and number of turns that run before the server reads sockets again. */
const turnsTogetherMs = 4
const turnsTogetherMax = 64

interface Waiting {
  readonly party: Party
  readonly abandoned: AbortSignal
  resolve(): void
  reject(error: Fault): void
}

export class Shares {
  readonly #queue = new FairQueue<Waiting>()
  readonly #now: () => number
  /** Callbacks that are still to come in this round of the event loop; the last one ends the round. */
  #planned = 0
  /** Milliseconds of turns in this round of the event loop. */
  #usedMs = 0
  #running: { readonly party: Party; readonly sinceMs: number } | undefined

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** The pace of one request. `abandoned` is aborted when nobody waits for its answer any more. */
  paceOf(party: Party, abandoned: AbortSignal): Pace {
    return new RequestPace(this, party, abandoned)
  }

  /** Monotonic milliseconds. */
  now(): number {
    return this.#now()
  }

  /** For a first turn only: it follows a read of its socket, while one commit may let many requests go on together. */
  beginsAtOnce(party: Party): boolean {
    this.#account()
    if (this.#queue.waiting > 0 || this.#usedMs >= turnsTogetherMs) return false
    this.#begin(party)
    if (this.#planned === 0) this.#planSettling()
    return true
  }

  wait(party: Party, abandoned: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.enter(party, { party, abandoned, resolve, reject })
      this.#plan()
    })
  }

  /** Two callbacks for each turn, one behind the other: only what the turn resumes runs between them. */
  #plan(): void {
    while (this.#planned < Math.min(this.#queue.waiting, turnsTogetherMax)) {
      setImmediate(() => this.#give())
      this.#planSettling()
    }
  }

  #planSettling(): void {
    this.#planned += 1
    setImmediate(() => this.#settle())
  }

  #give(): void {
    if (this.#usedMs >= turnMs) return
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

class RequestPace implements Pace {
  readonly abandoned: AbortSignal
  readonly #shares: Shares
  readonly #party: Party
  /** When the turn is used up; -Infinity: there was none yet. */
  #endMs = -Infinity

  constructor(shares: Shares, party: Party, abandoned: AbortSignal) {
    this.#shares = shares
    this.#party = party
    this.abandoned = abandoned
  }

  get spent(): boolean {
    return this.#shares.now() >= this.#endMs
  }

  turn(): MaybePromise<void> {
    const isFirst = this.#endMs === -Infinity
    const begins = isFirst && !this.abandoned.aborted && this.#shares.beginsAtOnce(this.#party)
    return andThen(begins ? undefined : this.#shares.wait(this.#party, this.abandoned), () => {
      this.#endMs = this.#shares.now() + turnMs
    })
  }
}
