// When the next handshake is begun. One for each turn of the event loop, so that requests of open connections and
// whatever else is ready go in between. Accepting goes first for a while: a flood must not keep newcomers in the
// kernel's queue, where nobody takes turns. Whose turn it is, is in admission.ts.

import { Admission } from './admission.ts'

export class Turns<T> {
  readonly #admission: Admission<T>
  readonly #acceptsPerTurnMax: number
  readonly #begin: (item: T) => void
  #due = false
  #acceptedSince = 0
  #givenWayTo = 0

  constructor(options: {
    readonly activeMax: number
    readonly activePerNeighbourMax: number
    readonly acceptsPerTurnMax: number
    begin(item: T): void
  }) {
    this.#admission = new Admission(options)
    this.#acceptsPerTurnMax = options.acceptsPerTurnMax
    this.#begin = (item) => options.begin(item)
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

  /** Waits for its turn, in which `begin` is called with it; then it counts as active until `release`. */
  enter(neighbourhood: string, item: T): void {
    this.#admission.enter(neighbourhood, item)
    this.#plan()
  }

  leave(neighbourhood: string, item: T): void {
    this.#admission.leave(neighbourhood, item)
  }

  /** Exactly once for each that was begun. */
  release(neighbourhood: string): void {
    this.#admission.release(neighbourhood)
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
    if (accepted > 0 && this.#givenWayTo < this.#acceptsPerTurnMax) {
      this.#givenWayTo += accepted
      return this.#plan()
    }
    this.#givenWayTo = 0
    const item = this.#admission.next()
    // Nobody who may begin: the next release plans again.
    if (item === undefined) return
    this.#begin(item)
    this.#plan()
  }
}
