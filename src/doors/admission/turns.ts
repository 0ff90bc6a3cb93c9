// Decides when the next piece of a handshake runs: one for each turn of the event loop, so that requests of open
// connections run in between. Known subnets go first, but not without end; all others together have only a share of
// the thread's time. For a while accepting goes first: a flood must not keep newcomers in the kernel's queue, where
// nobody takes turns. admission.ts decides whose turn it is.

import { Admission, type AdmissionOptions } from './admission.ts'
import type { Rank } from './subnets.ts'
import type { TimeShare } from './time-share.ts'

export interface TurnsOptions<T> extends AdmissionOptions {
  readonly acceptsPerTurnMax: number
  /** How many pieces of known subnets run while untrusted peers wait, before one of theirs. */
  readonly knownInARowMax: number
  /** How much of the thread's time the handshakes of unknown subnets may take. */
  readonly shares: Readonly<Record<Exclude<Rank, 'known'>, TimeShare>>
  /** Begins the handshake, or continues it. */
  run(item: T): void
  /** Called when unknown subnets wait because their share is used up. */
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

  /** Queues a handshake; `run` is called in its turn. From then on it counts as active until `release`. */
  enter(subnet: string, item: T): void {
    this.#admission.enter(subnet, item)
    this.#plan()
  }

  /** Queues the next piece of a handshake that has had a turn. */
  resume(subnet: string, item: T): void {
    this.#admission.resume(subnet, item)
    this.#plan()
  }

  leave(subnet: string, item: T): void {
    this.#admission.leave(subnet, item)
  }

  /** Call it exactly once for each handshake that began. */
  release(subnet: string): void {
    this.#admission.release(subnet)
    this.#plan()
  }

  /** Call it when the result of `rankOf` for the subnet may have changed. */
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
    // None may run now: the next release or the timer plans again.
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
