// Whose handshake is next. A handshake costs about a millisecond of the thread that serves all requests, so they
// are begun one by one, in turns over the neighbourhoods that wait: a thousand from one address delay one from
// another by one turn. Holds order and counts only, knows no sockets and no time.

interface Neighbour<T> {
  /** In order of arrival. */
  readonly waiting: Set<T>
  active: number
}

export class Admission<T> {
  readonly #activeMax: number
  readonly #activePerNeighbourMax: number
  readonly #neighbours = new Map<string, Neighbour<T>>()
  /** Neighbourhoods that have someone waiting, the next in turn first. */
  readonly #turns = new Set<string>()
  #active = 0
  #waiting = 0

  constructor(options: { readonly activeMax: number; readonly activePerNeighbourMax: number }) {
    this.#activeMax = options.activeMax
    this.#activePerNeighbourMax = options.activePerNeighbourMax
  }

  get active(): number {
    return this.#active
  }

  get waiting(): number {
    return this.#waiting
  }

  enter(neighbourhood: string, item: T): void {
    let neighbour = this.#neighbours.get(neighbourhood)
    if (neighbour === undefined) {
      neighbour = { waiting: new Set(), active: 0 }
      this.#neighbours.set(neighbourhood, neighbour)
    }
    neighbour.waiting.add(item)
    this.#waiting += 1
    this.#turns.add(neighbourhood)
  }

  /** Gives up waiting. False where the item was not waiting. */
  leave(neighbourhood: string, item: T): boolean {
    const neighbour = this.#neighbours.get(neighbourhood)
    if (neighbour === undefined || !neighbour.waiting.delete(item)) return false
    this.#waiting -= 1
    this.#tidy(neighbourhood, neighbour)
    return true
  }

  /**
   * The next to begin, counted as active until `release`; undefined while nobody waits who may begin. At most
   * activeMax / activePerNeighbourMax neighbourhoods can be at their bound, so the search is short.
   */
  next(): T | undefined {
    if (this.#active >= this.#activeMax) return undefined
    for (const neighbourhood of this.#turns) {
      const neighbour = this.#neighbours.get(neighbourhood)
      if (neighbour === undefined || neighbour.active >= this.#activePerNeighbourMax) continue
      const [item] = neighbour.waiting
      if (item === undefined) continue
      neighbour.waiting.delete(item)
      neighbour.active += 1
      this.#waiting -= 1
      this.#active += 1
      this.#turns.delete(neighbourhood)
      if (neighbour.waiting.size > 0) this.#turns.add(neighbourhood)
      return item
    }
    return undefined
  }

  /** One that `next` gave is done. Exactly once for each. */
  release(neighbourhood: string): void {
    const neighbour = this.#neighbours.get(neighbourhood)
    if (neighbour === undefined || neighbour.active === 0) throw new Error('released more than was begun')
    neighbour.active -= 1
    this.#active -= 1
    this.#tidy(neighbourhood, neighbour)
  }

  #tidy(neighbourhood: string, neighbour: Neighbour<T>): void {
    if (neighbour.waiting.size > 0) return
    this.#turns.delete(neighbourhood)
    if (neighbour.active === 0) this.#neighbours.delete(neighbourhood)
  }
}
