// When the next piece of a handshake is run. One for each turn of the event loop, so that requests of open connections
// and whatever else is ready go in between. Known subnets go first, though not without end; all others together have only
// their share of the thread's time. Accepting goes first for a while: a flood must not keep newcomers in the kernel's queue, where nobody
// takes turns. Whose turn it is, is in admission.ts.

import { Admission, type AdmissionOptions } from './admission.ts'
import type { Rank } from './subnets.ts'
import type { TimeShare } from './time-share.ts'

export interface TurnsOptions<T> extends AdmissionOptions {
  readonly acceptsPerTurnMax: number
  /** Pieces of known subnets that are run while untrusted peers wait, before one of theirs. */
  readonly knownInARowMax: number
  /** How much of the thread's time handshakes of subnets that are not known may take. */
  readonly shares: Readonly<Record<Exclude<Rank, 'known'>, TimeShare>>
  /** Begins the handshake, or goes on with it. */
  run(item: T): void
  /** Strangers wait because their share is used up. */
  onUntrustedWait(): void
}

export class Turns<T> {
  readonly #admission: Admission<T>
  readonly #options: TurnsOptions<T>
  #due = false
  #later: NodeJS.Timeout | undefined
  #acceptedSince = 0
  #givenWayTo = 0
  #knownInARow = 0

  constructor(options: TurnsOptions<T>) {
    this.#admission = new Admission(options)
    this.#options = options
  }

  get active(): number {
    return this.#admission.active
  }

  get waiting(): number {
    return this.#admission.waiting
  }

  /** A connection was accepted, whatever becomes of it. */
  accepted(): void {
    this.#acceptedSince += 1
  }

  /** Waits for its turn, in which `run` is called with it; then it counts as active until `release`. */
  enter(subnet: string, item: T): void {
    this.#admission.enter(subnet, item)
    this.#plan()
  }

  /** One that has had a turn waits for another one. */
  resume(subnet: string, item: T): void {
    this.#admission.resume(subnet, item)
    this.#plan()
  }

  leave(subnet: string, item: T): void {
    this.#admission.leave(subnet, item)
  }

  /** Exactly once for each that was begun. */
  release(subnet: string): void {
    this.#admission.release(subnet)
    this.#plan()
  }

  /** What `rankOf` says of the subnet may have changed. */
  rerank(subnet: string): void {
    this.#admission.rerank(subnet)
    this.#plan()
  }

  #plan(): void {
    if (this.#due || this.#admission.waiting === 0) return
    this.#due = true
    setImmediate(() => {
      this.#due = false
      this.#take()
    })
  }

  #take(): void {
    const accepted = this.#acceptedSince
    this.#acceptedSince = 0
    if (accepted > 0 && this.#givenWayTo < this.#options.acceptsPerTurnMax) {
      this.#givenWayTo += accepted
      return this.#plan()
    }
    this.#givenWayTo = 0
    const item = this.#next()
    // None may go on: the next release or the timer plans again.
    if (item === undefined) return
    this.#options.run(item)
    this.#plan()
  }

  #next(): T | undefined {
    if (this.#knownInARow < this.#options.knownInARowMax) {
      const item = this.#admission.next('known')
      if (item !== undefined) {
        this.#knownInARow += 1
        return item
      }
    }
    this.#knownInARow = 0
    return this.#nextUntrusted() ?? this.#admission.next('known')
  }

  #nextUntrusted(): T | undefined {
    let waitMs = Number.POSITIVE_INFINITY
    for (const rank of ['new', 'costly'] as const) {
      if (!this.#admission.hasWaiting(rank)) continue
      const shareMs = this.#options.shares[rank].waitMs()
      const item = shareMs === 0 ? this.#admission.next(rank) : undefined
      if (item !== undefined) return item
      if (shareMs > 0) waitMs = Math.min(waitMs, shareMs)
    }
    if (waitMs !== Number.POSITIVE_INFINITY) this.#planLater(waitMs)
    return undefined
  }

  #planLater(waitMs: number): void {
    this.#options.onUntrustedWait()
    clearTimeout(this.#later)
    this.#later = setTimeout(() => this.#plan(), waitMs).unref()
  }
}
