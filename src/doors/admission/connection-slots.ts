// Keeps the places of connections by subnet, and decides who must leave when all places are taken. No address can
// keep others out: a newcomer from an address with fewer connections gets the place of one from the address with
// most. An address from which a trusted client came gives way only if it has very many, and gets the place of an
// untrusted one however few that has. Many clients may share one address (NAT, a load balancer), so connections that are not
// trusted give way first, also to a newcomer of their own address; of these, handshakes under way do so last, since a trusted
// client may be among them. This file only counts; it closes nothing itself.

export interface SlotHolder {
  readonly subnet: string
  /** The server answers no message of it at the moment, so that it may be ended for another one. */
  readonly spare: boolean
  /** Its client was trusted at its handshake. */
  readonly trusted: boolean
  /** It has sent its ClientHello, and its handshake is not done. */
  readonly arriving?: boolean
}

/** A newcomer gets a place, a place that another must leave first, or none. */
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
    /** How many places a known subnet keeps, so that unknown subnets cannot take them. */
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
    if (own >= this.#perSubnetMax) {
      const stranger = firstStranger(this.#bySubnet.get(subnet) ?? [])
      return stranger ? { slot: 'taken-from', holder: stranger } : { slot: 'none', reason: 'address' }
    }
    if (this.#count < this.#max) return { slot: 'free' }
    const holder = this.#isKnown(subnet)
      ? (this.#spareOfLargest(0, false) ?? this.#spareOfLargest(own + 1, true))
      : (this.#spareOfLargest(own + 1, false) ??
        this.#spareOfLargest(Math.max(own + 1, this.#knownKeep), true))
    return holder ? { slot: 'taken-from', holder } : { slot: 'none', reason: 'full' }
  }

  /** A spare holder of the subnet with the most places among those that have one, if it has more than so many. */
  #spareOfLargest(moreThan: number, known: boolean): G | undefined {
    let [most, found]: [number, G | undefined] = [moreThan, undefined]
    for (const [subnet, holders] of this.#bySubnet) {
      if (holders.size <= most || this.#isKnown(subnet) !== known) continue
      const spare = firstStranger(holders) ?? firstSpare(holders)
      if (spare) [most, found] = [holders.size, spare]
    }
    return found
  }

  add(holder: G): void {
    const holders = this.#bySubnet.get(holder.subnet)
    if (holders === undefined) this.#bySubnet.set(holder.subnet, new Set([holder]))
    else holders.add(holder)
    this.#count += 1
  }

  /** Returns false if the holder had no place. */
  remove(holder: G): boolean {
    const holders = this.#bySubnet.get(holder.subnet)
    if (holders === undefined || !holders.delete(holder)) return false
    if (holders.size === 0) this.#bySubnet.delete(holder.subnet)
    this.#count -= 1
    return true
  }
}

function firstStranger<G extends SlotHolder>(holders: Iterable<G>): G | undefined {
  let arriving: G | undefined
  for (const holder of holders) {
    if (!holder.spare || holder.trusted) continue
    if (!holder.arriving) return holder
    arriving ??= holder
  }
  return arriving
}

function firstSpare<G extends SlotHolder>(holders: Iterable<G>): G | undefined {
  for (const holder of holders) if (holder.spare) return holder
  return undefined
}
