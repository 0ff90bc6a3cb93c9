// The places of connections, by subnet, with a policy for each door that says which connection must leave when all places are taken.
// No address can keep others out: a newcomer from an address with fewer connections gets the place of one from the address with
// most. This file only counts; it closes nothing itself.

export interface Holder {
  readonly subnet: string
}

/** A newcomer gets a place, a place that another must leave first, or none. */
export type PlaceOffer<H> =
  | { readonly place: 'free' }
  | { readonly place: 'taken-from'; readonly holder: H }
  | { readonly place: 'none'; readonly reason: 'full' | 'address' }

export interface PlacesOptions<H extends Holder> {
  readonly max: number
  readonly perSubnetMax: number
  readonly policy: PlacesPolicy<H>
}

interface PlacesPolicy<H extends Holder> {
  /** Which of the subnet's holders gives way to a newcomer of its own, where the subnet has all that it may have. */
  givesWayAtHome(own: Iterable<H>): H | undefined
  /** Which holder gives way to a newcomer of the subnet, which has `own` places already, where all are taken. */
  givesWay(subnet: string, own: number, bySubnet: BySubnet<H>): H | undefined
}

type BySubnet<H> = ReadonlyMap<string, ReadonlySet<H>>

export class Places<H extends Holder> {
  readonly #options: PlacesOptions<H>
  readonly #bySubnet = new Map<string, Set<H>>()
  #count = 0

  constructor(options: PlacesOptions<H>) {
    this.#options = options
  }

  get count(): number {
    return this.#count
  }

  *[Symbol.iterator](): Generator<H> {
    for (const holders of this.#bySubnet.values()) yield* holders
  }

  offer(subnet: string): PlaceOffer<H> {
    const { max, perSubnetMax, policy } = this.#options
    const own = this.#bySubnet.get(subnet) ?? new Set<H>()
    if (own.size >= perSubnetMax) return taken(policy.givesWayAtHome(own), 'address')
    if (this.#count < max) return { place: 'free' }
    return taken(policy.givesWay(subnet, own.size, this.#bySubnet), 'full')
  }

  add(holder: H): void {
    const holders = this.#bySubnet.get(holder.subnet)
    if (holders === undefined) this.#bySubnet.set(holder.subnet, new Set([holder]))
    else holders.add(holder)
    this.#count += 1
  }

  /** Returns false if the holder had no place. */
  remove(holder: H): boolean {
    const holders = this.#bySubnet.get(holder.subnet)
    if (holders === undefined || !holders.delete(holder)) return false
    if (holders.size === 0) this.#bySubnet.delete(holder.subnet)
    this.#count -= 1
    return true
  }

  /** The holder goes behind the others of its subnet. */
  moveToEnd(holder: H): void {
    if (this.remove(holder)) this.add(holder)
  }
}

function taken<H>(holder: H | undefined, reason: 'full' | 'address'): PlaceOffer<H> {
  return holder === undefined ? { place: 'none', reason } : { place: 'taken-from', holder }
}

/** The first that `choose` finds in the subnet with the most places, of those that have more than `moreThan` and that `counts` takes. */
function ofLargest<H>(
  bySubnet: BySubnet<H>,
  moreThan: number,
  choose: (holders: ReadonlySet<H>) => H | undefined,
  counts: (subnet: string) => boolean = () => true,
): H | undefined {
  let [most, chosen]: [number, H | undefined] = [moreThan, undefined]
  for (const [subnet, holders] of bySubnet) {
    if (holders.size <= most || !counts(subnet)) continue
    const holder = choose(holders)
    if (holder !== undefined) [most, chosen] = [holders.size, holder]
  }
  return chosen
}

/** A connection of a KMIP client. */
export interface ClientHolder extends Holder {
  /** The server answers no message of it at the moment, so that it may be ended for another one. */
  readonly spare: boolean
  /** Its client was trusted at its handshake. */
  readonly trusted: boolean
  /** The connection has sent its ClientHello, and its handshake is not done. */
  readonly arriving?: boolean
}

/**
 * An address from which a trusted client came gives way only if it has very many connections, and gets the place of an untrusted one
 * however few that has. Many clients may share one address (NAT, a load balancer), so connections that are not trusted give way
 * first, also to a newcomer of their own address; of these, handshakes under way do so last, since a trusted client may be
 * among them. `knownKeep`: how many places a known subnet keeps, so that unknown subnets cannot take them.
 */
export function clientPlaces<H extends ClientHolder>(
  knownKeep: number,
  isKnown: (subnet: string) => boolean,
): PlacesPolicy<H> {
  const choose = (holders: ReadonlySet<H>) => firstStranger(holders) ?? firstSpare(holders)
  return {
    givesWayAtHome: firstStranger,
    givesWay(subnet, own, bySubnet) {
      const ofUnknown = (moreThan: number) => ofLargest(bySubnet, moreThan, choose, (one) => !isKnown(one))
      const ofKnown = (moreThan: number) => ofLargest(bySubnet, moreThan, choose, isKnown)
      return isKnown(subnet)
        ? (ofUnknown(0) ?? ofKnown(own + 1))
        : (ofUnknown(own + 1) ?? ofKnown(Math.max(own + 1, knownKeep)))
    },
  }
}

function firstStranger<H extends ClientHolder>(holders: Iterable<H>): H | undefined {
  let arriving: H | undefined
  for (const holder of holders) {
    if (!holder.spare || holder.trusted) continue
    if (!holder.arriving) return holder
    arriving ??= holder
  }
  return arriving
}

function firstSpare<H extends ClientHolder>(holders: Iterable<H>): H | undefined {
  for (const holder of holders) if (holder.spare) return holder
  return undefined
}

/** A connection to the admin API. Those of one subnet are in the order of their last progress. */
export interface AdminHolder extends Holder {
  /** Whether a request ever came on it. */
  readonly hasRequested: boolean
  /** The number of its requests that are being answered. */
  readonly running: number
}

/**
 * A connection without a request at the moment gives way: one that never had any before one that had, of the subnet with the most
 * places, which has at least as many as the newcomer's would have.
 */
export function adminPlaces<H extends AdminHolder>(): PlacesPolicy<H> {
  return {
    givesWayAtHome: firstIdle,
    givesWay: (subnet, own, bySubnet) =>
      ofLargest(bySubnet, own, firstIdle) ?? firstIdle(bySubnet.get(subnet) ?? []),
  }
}

function firstIdle<H extends AdminHolder>(holders: Iterable<H>): H | undefined {
  let idle: H | undefined
  for (const holder of holders) {
    if (holder.running > 0) continue
    if (!holder.hasRequested) return holder
    idle ??= holder
  }
  return idle
}
