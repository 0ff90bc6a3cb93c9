// Everyone who holds a place at the door, by neighbourhood, and who must give way when all places are taken: no
// address can keep the others out, because a newcomer from an address that holds fewer gets the place of one from
// the address that holds most. Addresses from which a trusted client came give way to others only when they hold very
// many, and get the place of one of the others whatever that holds. Holds places only, closes nothing itself.

/** Who holds a place. `spare`: nothing of theirs is being worked on, so that they can be sent away. */
export interface PlaceHolder {
  readonly neighbourhood: string
  readonly spare: boolean
}

/** What a newcomer gets: a place, a place that another must leave first, or none. */
export type Reception<G> =
  | { readonly place: 'free' }
  | { readonly place: 'taken-from'; readonly guest: G }
  | { readonly place: 'none'; readonly reason: 'full' | 'address' }

export class Guests<G extends PlaceHolder> {
  readonly #max: number
  readonly #perNeighbourhoodMax: number
  readonly #knownKeep: number
  readonly #isKnown: (neighbourhood: string) => boolean
  readonly #byNeighbourhood = new Map<string, Set<G>>()
  #count = 0

  constructor(options: {
    readonly max: number
    readonly perNeighbourhoodMax: number
    /** So many places of a known neighbourhood are not given to one that is not known. */
    readonly knownKeep: number
    isKnown(neighbourhood: string): boolean
  }) {
    this.#knownKeep = options.knownKeep
    this.#isKnown = (neighbourhood) => options.isKnown(neighbourhood)
    this.#max = options.max
    this.#perNeighbourhoodMax = options.perNeighbourhoodMax
  }

  get count(): number {
    return this.#count
  }

  *[Symbol.iterator](): Generator<G> {
    for (const guests of this.#byNeighbourhood.values()) yield* guests
  }

  receive(neighbourhood: string): Reception<G> {
    const own = this.#byNeighbourhood.get(neighbourhood)?.size ?? 0
    if (own >= this.#perNeighbourhoodMax) return { place: 'none', reason: 'address' }
    if (this.#count < this.#max) return { place: 'free' }
    const most = this.#isKnown(neighbourhood)
      ? (this.#largest(0, false) ?? this.#largest(own + 1, true))
      : (this.#largest(own + 1, false) ?? this.#largest(Math.max(own + 1, this.#knownKeep), true))
    for (const guest of most ?? []) {
      if (guest.spare) return { place: 'taken-from', guest }
    }
    return { place: 'none', reason: 'full' }
  }

  /** The neighbourhood that holds most, and more than so many, of the known or of the others. */
  #largest(moreThan: number, known: boolean): Set<G> | undefined {
    let largest: Set<G> | undefined
    for (const [neighbourhood, guests] of this.#byNeighbourhood) {
      if (guests.size <= (largest?.size ?? moreThan)) continue
      if (this.#isKnown(neighbourhood) === known) largest = guests
    }
    return largest
  }

  add(guest: G): void {
    const guests = this.#byNeighbourhood.get(guest.neighbourhood)
    if (guests === undefined) this.#byNeighbourhood.set(guest.neighbourhood, new Set([guest]))
    else guests.add(guest)
    this.#count += 1
  }

  /** False where the guest held no place. */
  remove(guest: G): boolean {
    const guests = this.#byNeighbourhood.get(guest.neighbourhood)
    if (guests === undefined || !guests.delete(guest)) return false
    if (guests.size === 0) this.#byNeighbourhood.delete(guest.neighbourhood)
    this.#count -= 1
    return true
  }
}
