// Everyone who holds a place at the door, by subnet, and who must give way when all places are taken: no
// address can keep the others out, because a newcomer from an address that holds fewer gets the place of one from
// the address that holds most. Addresses from which a trusted client came give way to others only when they hold very
// many, and get the place of one of the others whatever that holds. Holds places only, closes nothing itself.

/** Who holds a place. `spare`: nothing of theirs is being worked on, so that they can be sent away. */
export interface SlotHolder {
  readonly subnet: string
  readonly spare: boolean
}

/** What a newcomer gets: a place, a place that another must leave first, or none. */
export type SlotOffer<G> =
  | { readonly slot: 'free' }
  | { readonly slot: 'taken-from'; readonly holder: G }
  | { readonly slot: 'none'; readonly reason: 'full' | 'address' }

export class ConnectionSlots<G extends SlotHolder> {
  readonly #max: number
  readonly #perSubnetMax: number
  readonly #knownKeep: number
  readonly #isKnown: (subnet: string) => boolean
  readonly #bySubnet = new Map<string, Set<G>>()
  #count = 0

  constructor(options: {
    readonly max: number
    readonly perSubnetMax: number
    /** So many places of a known subnet are not given to one that is not known. */
    readonly knownKeep: number
    isKnown(subnet: string): boolean
  }) {
    this.#knownKeep = options.knownKeep
    this.#isKnown = (subnet) => options.isKnown(subnet)
    this.#max = options.max
    this.#perSubnetMax = options.perSubnetMax
  }

  get count(): number {
    return this.#count
  }

  *[Symbol.iterator](): Generator<G> {
    for (const holders of this.#bySubnet.values()) yield* holders
  }

  offer(subnet: string): SlotOffer<G> {
    const own = this.#bySubnet.get(subnet)?.size ?? 0
    if (own >= this.#perSubnetMax) return { slot: 'none', reason: 'address' }
    if (this.#count < this.#max) return { slot: 'free' }
    const most = this.#isKnown(subnet)
      ? (this.#largest(0, false) ?? this.#largest(own + 1, true))
      : (this.#largest(own + 1, false) ?? this.#largest(Math.max(own + 1, this.#knownKeep), true))
    for (const holder of most ?? []) {
      if (holder.spare) return { slot: 'taken-from', holder }
    }
    return { slot: 'none', reason: 'full' }
  }

  /** The subnet that holds most, and more than so many, of the known or of the others. */
  #largest(moreThan: number, known: boolean): Set<G> | undefined {
    let largest: Set<G> | undefined
    for (const [subnet, holders] of this.#bySubnet) {
      if (holders.size <= (largest?.size ?? moreThan)) continue
      if (this.#isKnown(subnet) === known) largest = holders
    }
    return largest
  }

  add(holder: G): void {
    const holders = this.#bySubnet.get(holder.subnet)
    if (holders === undefined) this.#bySubnet.set(holder.subnet, new Set([holder]))
    else holders.add(holder)
    this.#count += 1
  }

  /** False where the holder held no place. */
  remove(holder: G): boolean {
    const holders = this.#bySubnet.get(holder.subnet)
    if (holders === undefined || !holders.delete(holder)) return false
    if (holders.size === 0) this.#bySubnet.delete(holder.subnet)
    this.#count -= 1
    return true
  }
}
